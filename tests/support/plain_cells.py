"""The way back from a cell that a spreadsheet opens safely to the text that it was made of."""

FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def plain_cell(cell: str) -> str:
    """The text that `human_study.presentation.csv_cells.safe_cell` was given."""
    bare = cell.lstrip("'")
    return cell[1:] if cell.startswith("'") and bare.startswith(FORMULA_STARTS) else cell
