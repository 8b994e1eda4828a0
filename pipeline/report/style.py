"""How methods and verdicts look: colour-blind-safe colours, each with a shape or a word beside it.

The colours are those of Okabe and Ito (2008), "Color universal design", without their yellow, which is too
pale for marks on white paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

INK, SOFT, BAND, RULE = "#1b1f24", "#57606a", "#e4e8ec", "#8b949e"
_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255")
_SHAPES = (
    *("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right"),
    "triangle-left",
)
_DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 1], [1, 2], [10, 3], [5, 2, 1, 2])

PHASE_COLOURS = {
    "build": "#b3b9c0",
    "train": "#e69f00",
    "warmup": "#56b4e9",
    "sample": "#0072b2",
    "infer": "#009e73",
    "correct": "#cc79a7",
}

VEGA_CONFIG = {
    "background": None,
    "font": '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif',
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": SOFT,
        "titleFontWeight": "normal",
        "titleFontSize": 11,
        "labelFontSize": 11,
        "labelLimit": 140,
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
        "grid": False,
    },
    "axisX": {"grid": True, "gridColor": "#eef0f2", "tickCount": 5, "labelOverlap": "greedy"},
    "legend": {
        "labelFontSize": 11,
        "titleFontSize": 11,
        "orient": "top",
        "columns": 3,
        "symbolType": "circle",
    },
    "bar": {"discreteBandSize": 14},
}


@dataclass(frozen=True)
class Mark:
    """How one method is drawn everywhere."""

    method: str
    colour: str
    shape: str
    dash: tuple[int, ...]

    @property
    def glyph(self) -> Markup:
        """The mark as a small inline SVG for legends."""
        return Markup(
            f'<svg width="12" height="12" viewBox="-7 -7 14 14" aria-hidden="true">'
            f'<path d="{_PATHS[self.shape]}" fill="{self.colour}"/></svg>'
        )

    @property
    def line(self) -> Markup:
        """The line as a small inline SVG for legends of curves."""
        dash = " ".join(map(str, self.dash)) if self.dash[0] != 1 or self.dash[1] else "none"
        return Markup(
            f'<svg width="26" height="12" viewBox="0 0 26 12" aria-hidden="true">'
            f'<path d="M0,6H26" stroke="{self.colour}" stroke-width="2" stroke-dasharray="{dash}"/></svg>'
        )


def marks(methods: Sequence[str]) -> list[Mark]:
    """Return each method's mark by position; after eight the colours come again with other shapes."""
    n_colours = len(_COLOURS)
    return [
        Mark(
            method,
            _COLOURS[i % n_colours],
            _SHAPES[(i + i // n_colours) % n_colours],
            tuple(_DASHES[(i + i // n_colours) % n_colours]),
        )
        for i, method in enumerate(methods)
    ]


def _polygon(n_corners: int, start_degrees: float, radius: float = 6.0) -> str:
    angles = [math.radians(start_degrees + 360 * i / n_corners) for i in range(n_corners)]
    points = " L".join(f"{radius * math.cos(a):.2f},{radius * math.sin(a):.2f}" for a in angles)
    return f"M{points}Z"


_PATHS = {
    "circle": "M-5,0A5,5 0 1 0 5,0A5,5 0 1 0 -5,0Z",
    "square": "M-4.5,-4.5H4.5V4.5H-4.5Z",
    "triangle-up": _polygon(3, -90),
    "triangle-down": _polygon(3, 90),
    "triangle-right": _polygon(3, 0),
    "triangle-left": _polygon(3, 180),
    "diamond": _polygon(4, -90),
    "cross": "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
}


def _glyph(body: str) -> Markup:
    return Markup(
        f'<svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" focusable="false">{body}</svg>'
    )


# A full disc, a half disc, a question mark, a triangle, a cross, an empty ring, a dash: told apart without
# colour.
VERDICT_GLYPHS = {
    "indistinguishable": _glyph('<circle r="5.5" fill="#009e73"/>'),
    "close": _glyph(
        '<circle r="4.75" fill="#fff" stroke="#0072b2" stroke-width="1.5"/>'
        '<path d="M0,-5A5,5 0 0 0 0,5Z" fill="#0072b2"/>'
    ),
    "unclear": _glyph(
        '<circle r="4.75" fill="#fff" stroke="#6e7781" stroke-width="1.5"/>'
        '<path d="M-1.8,-1.2A1.9,1.9 0 1 1 0,0.8V1.4M0,2.6V3.4" fill="none" stroke="#1b1f24"/>'
    ),
    "biased": _glyph('<path d="M0,-5.5L6,5H-6Z" fill="#d55e00"/>'),
    "failed": _glyph('<path d="M-4.5,-4.5L4.5,4.5M-4.5,4.5L4.5,-4.5" stroke="#1b1f24" stroke-width="2.5"/>'),
    "unscored": _glyph(
        '<circle r="4.75" fill="none" stroke="#6e7781" stroke-width="1.5" stroke-dasharray="2 2"/>'
    ),
    "absent": _glyph('<path d="M-4,0H4" stroke="#6e7781" stroke-width="1.5"/>'),
}

STATUS_GLYPHS = {
    "failed": VERDICT_GLYPHS["failed"],
    "timeout": VERDICT_GLYPHS["failed"],
    "uncertified": VERDICT_GLYPHS["unscored"],
    **{word: VERDICT_GLYPHS[word] for word in ("indistinguishable", "close", "unclear", "biased")},
    "not scored": VERDICT_GLYPHS["unscored"],
}
