"""Every colour and font of what analysts read: charts, report, face sheets, pages.

Conditions' colours are after Okabe and Ito, so that colour-blind readers tell them apart, darkened to be read on
white; each condition has a shape of its own too, for print.
"""

INK, MUTED, LINE, GRID, SOFT = "#1d252b", "#55616a", "#d5dbdf", "#e6eaed", "#f4f6f7"
WARNING, WARNING_SOFT = "#a3360a", "#fdf1ea"
BLUE, ORANGE, PURPLE, GREEN, GREY, WHITE = "#0072b2", "#c44e00", "#a6508c", "#00795a", "#4d5860", "#ffffff"
CONDITION_COLOURS = (GREY, BLUE, ORANGE, PURPLE, GREEN)  # in the order of `bundle.CONDITIONS`
CONDITION_SHAPES = ("circle", "square", "diamond", "triangle-up", "cross")
SANS = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
