"""Every colour and font that people see: charts, report, face sheets, the pages of participants and analysts.

Conditions' colours are after Okabe and Ito, so that colour-blind readers tell them apart, darkened to be read on
white; each condition has a shape of its own too, for print.
"""

INK, MUTED, LINE, GRID, SOFT, WHITE = "#17212b", "#4a5968", "#d3dbe3", "#e6eaed", "#f7f9fb", "#ffffff"
ACCENT, ACCENT_DARK, ACCENT_SOFT = "#17587f", "#10425f", "#e8f1f7"
WARNING, WARNING_SOFT, NOTICE, NOTICE_SOFT = "#a3360a", "#fdf1ea", "#9a7b1f", "#fff3cd"
BLUE, ORANGE, PURPLE, GREEN, GREY = "#0072b2", "#c44e00", "#a6508c", "#00795a", "#4d5860"
BROWN = "#7a5c00"
CONDITION_COLOURS = (GREY, BLUE, ORANGE, PURPLE, GREEN, BROWN)  # in the order of `bundle.CONDITIONS`
CONDITION_SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
# Of documents and charts, and of the apps (Streamlit brings its font).
SANS = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
APP_SANS = "Source Sans, system-ui, sans-serif"


def custom_properties() -> str:
    """The palette as CSS declarations, `--ink: #17212b; --accent-soft: …`: style sheets name colours by these alone."""
    values = {
        "ink": INK, "muted": MUTED, "line": LINE, "soft": SOFT, "white": WHITE,
        "accent": ACCENT, "accent-dark": ACCENT_DARK, "accent-soft": ACCENT_SOFT,
        "warning": WARNING, "warning-soft": WARNING_SOFT, "notice": NOTICE, "notice-soft": NOTICE_SOFT,
        "right": GREEN, "sans": SANS, "app-sans": APP_SANS,
    }  # fmt: skip
    return " ".join(f"--{name}: {value};" for name, value in values.items())
