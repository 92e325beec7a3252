"""The picture of a factor as SVG: AUC and TPR at 1 % FPR at each value, with intervals. It stands alone, and in a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from taxonomy.factor_evidence import FactorEvidence, MeasuredCurve, MeasuredPoint
from taxonomy.figures import Average

LEFT, TOP, WIDTH, HEIGHT, GAP, LINE = 52.0, 30.0, 340.0, 220.0, 70.0, 18.0
COLOURS = ("#3b6fb6", "#c0572b", "#3a8f5c", "#8a4fa3", "#a3892c", "#5b6670")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
# The colour of text and axes is the page's; alone, that is black.
STYLE = "font-family:sans-serif;font-size:12px"
# So wide is a letter; labels that stand side by side are cut where they would touch.
LETTER = 6.6

Figure = Callable[[MeasuredPoint], Average | None]


def svg(found: FactorEvidence, title: str) -> str:
    """Return the picture of what was measured of a factor: values at equal distances, joined where they are numbers."""
    panels = [
        _panel(found, "AUC", lambda point: point.auc, LEFT, chance=0.5),
        _panel(found, "TPR at 1 % FPR", lambda point: point.tpr, LEFT + WIDTH + GAP, chance=0.01),
    ]
    parts = [part for panel in panels for part in panel]
    below = TOP + HEIGHT + 52
    for i, curve in enumerate(found.curves):
        y = below + LINE * (i + 1)
        parts.append(f'<path d="M{LEFT:.0f} {y:.0f}h28" {_stroke(i)}/>')
        parts.append(f'<text x="{LEFT + 36:.0f}" y="{y + 4:.0f}" fill="currentColor">{escape(curve.name)}</text>')
    width, height = LEFT + 2 * WIDTH + GAP + 16, below + LINE * (len(found.curves) + 1)
    words = "; ".join(f"{c.name}: " + ", ".join(f"{p.value} {p.auc.mean:.3f}" for p in c.points) for c in found.curves)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture factor" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:{width:.0f}px;{STYLE}" role="img" aria-label="{escape(title)}">'
    )
    return f"{head}<title>{escape(title)}</title><desc>AUC by {escape(found.axis)}. {escape(words)}</desc>{''.join(parts)}</svg>"


def _panel(found: FactorEvidence, name: str, figure: Figure, left: float, chance: float) -> list[str]:
    """Return one panel: a grid, chance, and the curves of a figure."""
    shown = [a for curve in found.curves for point in curve.points if (a := figure(point)) is not None]
    low = min([chance, *(a.ci[0] for a in shown)])
    high = max([chance, *(a.ci[1] for a in shown)])
    ticks = _ticks(low, high)
    labels = _labels(found.curves)

    def x(k: int, of: int) -> float:
        return left + WIDTH * (k + 0.5) / of

    def y(value: float) -> float:
        return TOP + HEIGHT * (1 - (value - ticks[0]) / (ticks[-1] - ticks[0]))

    grid = 'stroke="currentColor" stroke-opacity="0.15"'
    parts = [f'<text x="{left:.0f}" y="{TOP - 12:.0f}" fill="currentColor">{escape(name)}</text>']
    for tick in ticks:
        parts.append(f'<path d="M{left:.0f} {y(tick):.1f}h{WIDTH:.0f}" {grid}/>')
        parts.append(f'<text x="{left - 6:.0f}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="currentColor">{tick:.4g}</text>')
    dotted = 'stroke="currentColor" stroke-opacity="0.6" stroke-dasharray="3 3"'
    parts.append(f'<path d="M{left:.0f} {y(chance):.1f}h{WIDTH:.0f}" {dotted}/>')
    for k, label in enumerate(labels):
        at = f'x="{x(k, len(labels)):.1f}" y="{TOP + HEIGHT + 18:.0f}" text-anchor="middle" fill="currentColor"'
        most = int(WIDTH / len(labels) / LETTER)
        cut = label if len(label) <= most else label[: most - 1] + "…"
        parts.append(f"<text {at}><title>{escape(label)}</title>{escape(cut)}</text>")
    middle = f'x="{left + WIDTH / 2:.0f}" y="{TOP + HEIGHT + 38:.0f}" text-anchor="middle" fill="currentColor"'
    parts.append(f"<text {middle}>{escape(found.axis)}</text>")
    for i, curve in enumerate(found.curves):
        # Side by side where they stand at the same value, so that no interval hides another.
        shift = 5.0 * (i - (len(found.curves) - 1) / 2)
        places = [(x(k, len(labels)) + shift, figure(point), point) for k, point in enumerate(curve.points)]
        joined = all(label.replace(",", "").replace(".", "").isdigit() for label in labels)
        parts += _curve(i, [(at, a, point) for at, a, point in places if a is not None], y, joined=joined)
    return parts


def _curve(
    i: int, places: Sequence[tuple[float, Average, MeasuredPoint]], y: Callable[[float], float], *, joined: bool
) -> list[str]:
    line = "L".join(f"{at:.1f} {y(a.mean):.1f}" for at, a, _ in places)
    parts = [f'<path d="M{line}" {_stroke(i)}/>'] if joined and places else []
    for at, a, point in places:
        colour = COLOURS[i % len(COLOURS)]
        told = f"{point.value}: {a.mean:.3f}, interval {a.ci[0]:.3f} to {a.ci[1]:.3f}"
        parts.append(
            f'<g stroke="{colour}" fill="{colour}"><title>{escape(told)}</title>'
            f'<path d="M{at:.1f} {y(a.ci[0]):.1f}V{y(a.ci[1]):.1f}"/><circle cx="{at:.1f}" cy="{y(a.mean):.1f}" r="3.5"/></g>'
        )
    return parts


def _stroke(i: int) -> str:
    dash = DASHES[i // len(COLOURS) % len(DASHES)]
    return f'fill="none" stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="2"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _labels(curves: Sequence[MeasuredCurve]) -> list[str]:
    """Return the values of the axis: those of the first curve, which all curves of a factor have."""
    return [point.value for point in curves[0].points]


def _ticks(low: float, high: float) -> list[float]:
    """Return three to eight round numbers that enclose an interval."""
    span = max(high - low, 1e-3)
    step = next(s for e in range(-5, 1) for s in (10.0**e, 2 * 10.0**e, 5 * 10.0**e) if span / s <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 6) for k in range(first, max(last, first + 1) + 1)]
