"""Who may import whom, and what the apps must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "human_study": {"human_study", "advisor", "data"},
    "advisor": {"advisor", "models", "data"},
    "models": {"models"},
    "data": {"data"},
}
SQL_FOLDERS = {"store", "migrations"}  # of data/


def imports_of(path: Path) -> set[str]:
    """Top-level names of what a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def files_of(package: str) -> list[Path]:
    """All Python files of a package."""
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_downwards(package: str) -> None:
    forbidden = set(ALLOWED) - ALLOWED[package]
    found = {str(path.relative_to(ROOT)): imports_of(path) & forbidden for path in files_of(package)}
    assert {path: names for path, names in found.items() if names} == {}


def test_only_the_store_touches_sql() -> None:
    elsewhere = [
        path.relative_to(ROOT)
        for package in ALLOWED
        for path in files_of(package)
        if imports_of(path) & {"sqlalchemy", "alembic", "sqlite3", "psycopg"}
        and not (package == "data" and SQL_FOLDERS & set(path.parts))
    ]
    assert elsewhere == []


def test_only_human_study_imports_streamlit() -> None:
    users = {package for package in ALLOWED for path in files_of(package) if "streamlit" in imports_of(path)}
    assert users == {"human_study"}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_nothing_that_is_ignored_is_part_of_the_project() -> None:
    # A link to an environment that was committed would take the place of the environment wherever it is merged.
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout == ""


def test_package_init_files_import_nothing() -> None:
    assert [
        path
        for package in ALLOWED
        for path in files_of(package)
        if path.name == "__init__.py" and imports_of(path)
    ] == []


def test_no_file_of_human_study_hides_another_module() -> None:
    # Streamlit puts the folder of its script first on sys.path.
    names = {path.stem for path in (ROOT / "human_study").glob("*.py")} - {"__init__"}
    assert names & (set(sys.stdlib_module_names) | set(ALLOWED)) == set()


@pytest.mark.parametrize(
    "module",
    [
        "advisor.bundles.bundle",
        "advisor.bundles.exchange",
        "advisor.bundles.draw_trials",
        "human_study.server",
        "human_study.report.report",
    ],
)
def test_what_the_apps_use_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
