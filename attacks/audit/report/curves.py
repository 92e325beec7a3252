"""The ROC of one attack with its band, in log-log scale, as SVG within the page: it takes the page's colours, in print too."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup, escape

from attacks.metrics import Roc
from attacks.metrics.band import Band

WIDTH, HEIGHT = 440.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 10.0, 10.0, 46.0
# So many steps of a ROC are drawn at most; more than one a pixel nobody sees.
STEPS = 200


class _Axes:
    """Where a pair of rates lies on the picture. Rates below one record of a side lie on the edge."""

    def __init__(self, curve: Roc):
        self.lowest = (1 / curve.others, 1 / curve.members)

    def x(self, rate: float) -> float:
        return LEFT + self._share(rate, 0) * (WIDTH - LEFT - RIGHT)

    def y(self, rate: float) -> float:
        return HEIGHT - BOTTOM - self._share(rate, 1) * (HEIGHT - TOP - BOTTOM)

    def _share(self, rate: float, axis: int) -> float:
        low = self.lowest[axis]
        return 1 - math.log(max(rate, low)) / math.log(low)


def svg(curve: Roc, band: Band, title: str) -> Markup:
    """Return the picture of a ROC of two or more records on either side; `title` is what it is called for who cannot see it."""
    axes = _Axes(curve)
    parts = [
        f'<svg class="roc" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(title)}">',
        *_grid(axes),
        f'<polygon class="band" points="{_points(axes, _outline(band))}"/>',
        f'<polyline class="chance" points="{_points(axes, _diagonal(axes))}"/>',
        f'<path class="curve" d="{_steps(axes, curve)}"/>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:g}" y="{HEIGHT - 8:g}" text-anchor="middle">others accused wrongly (FPR)</text>',
        f'<text transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2:g}) rotate(-90)" text-anchor="middle">'
        f"members found (TPR)</text>",
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704  (numbers of ours, and a title that was escaped)


def _grid(axes: _Axes) -> Iterable[str]:
    for axis, low in enumerate(axes.lowest):
        for power in range(math.ceil(math.log10(low) - 1e-9), 1):
            rate, told = 10.0**power, f"{10.0 ** (power + 2):g} %"
            if axis == 0:
                x = axes.x(rate)
                yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP:g}" y2="{HEIGHT - BOTTOM:g}"/>'
                anchor = "end" if power == 0 else "middle"
                yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 15:g}" text-anchor="{anchor}">{told}</text>'
            else:
                y = axes.y(rate)
                yield f'<line class="grid" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
                yield f'<text x="{LEFT - 5:g}" y="{y + 4:.1f}" text-anchor="end">{told}</text>'


def _outline(band: Band) -> list[tuple[float, float]]:
    there = [*zip(band.rate.tolist(), band.high.tolist(), strict=True)]
    back = [*zip(band.rate.tolist(), band.low.tolist(), strict=True)]
    return [*there, *reversed(back)]


def _diagonal(axes: _Axes) -> list[tuple[float, float]]:
    """Return the line of who guesses: straight where both scales begin alike, and on the edge below one member."""
    return [(rate, rate) for rate in np.geomspace(min(axes.lowest), 1, 40).tolist() if rate >= axes.lowest[0]]


def _points(axes: _Axes, pairs: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{axes.x(fpr):.1f},{axes.y(tpr):.1f}" for fpr, tpr in pairs)


def _steps(axes: _Axes, curve: Roc) -> str:
    """Return the staircase: what the threshold finds that accuses so many, at each number of non-members, or at some of them."""
    numbers = np.unique(np.round(np.geomspace(1, curve.others, STEPS)).astype(np.int64))
    hits = curve.hits[np.searchsorted(curve.alarms, numbers, side="right") - 1]
    start = curve.hits[np.searchsorted(curve.alarms, 0, side="right") - 1]
    path = [f"M{LEFT:g} {axes.y(float(start) / curve.members):.1f}"]
    for number, hit in zip(numbers.tolist(), hits.tolist(), strict=True):
        path.append(f"H{axes.x(number / curve.others):.1f}V{axes.y(hit / curve.members):.1f}")
    return "".join(path)
