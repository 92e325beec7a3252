"""Pictures as SVG text: derivations, log-log ROC curves, intervals, the map. Colours are the page's, on dark pages too."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from html import escape

from taxonomy.coverage import Cell
from taxonomy.defense_matrix import Point
from taxonomy.frontier import Priced
from taxonomy.graph import Rule

BOX_WIDTH, BOX_HEIGHT, COLUMN, ROW = 200, 58, 270, 76
MARGIN = 12
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2")


def derivation(rules: Sequence[Rule], title: str, names: Mapping[str, str]) -> str:
    """Return a proof as a picture: what is granted stands left, each rule's result right of all that it needs.

    `names` says in words what a term or attack is; its code stands below.
    """
    level: dict[str, int] = {}
    by: dict[str, Rule] = {}
    for rule in rules:
        for need in rule.needs:
            level.setdefault(need, 0)
        level[rule.yields] = 1 + max((level[need] for need in rule.needs), default=0)
        by[rule.yields] = rule
    columns: dict[int, list[str]] = {}
    for term, at in level.items():
        columns.setdefault(at, []).append(term)
    height = max(len(column) for column in columns.values()) * ROW + 2 * MARGIN
    width = (max(columns) * COLUMN) + BOX_WIDTH + 2 * MARGIN
    place: dict[str, tuple[float, float]] = {}
    for at, column in columns.items():
        top = (height - len(column) * ROW) / 2
        for i, term in enumerate(column):
            place[term] = (MARGIN + at * COLUMN, top + i * ROW + (ROW - BOX_HEIGHT) / 2)
    parts = []
    for rule in rules:
        x2, y2 = place[rule.yields][0], place[rule.yields][1] + BOX_HEIGHT / 2
        for need in rule.needs:
            x1, y1 = place[need][0] + BOX_WIDTH, place[need][1] + BOX_HEIGHT / 2
            middle = (x1 + x2) / 2
            path = f"M{x1:.0f} {y1:.0f}C{middle:.0f} {y1:.0f} {middle:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
            parts.append(f'<path class="edge" d="{path}"/>')
    for term, (x, y) in place.items():
        rule = by.get(term)
        kind = rule.kind if rule else "granted"
        name = term.removeprefix("attack:")
        lines = textwrap.wrap(names[name], 28, max_lines=2, placeholder=" …")
        middle, first = x + BOX_WIDTH / 2, y + BOX_HEIGHT / 2 + 4 - 7 * len(lines)
        words = "".join(f'<text x="{middle:.0f}" y="{first + 14 * i:.0f}">{escape(line)}</text>' for i, line in enumerate(lines))
        code = f'<text class="code" x="{middle:.0f}" y="{first + 14 * len(lines):.0f}">{escape(_short(name))}</text>'
        parts.append(
            f'<g class="{kind}"><title>{escape(rule.because if rule else "granted by the threat model")}</title>'
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>{words}{code}</g>'
        )
    sentences = " ".join(f"{', '.join(rule.needs)} yield {rule.yields.removeprefix('attack:')}." for rule in rules)
    return _svg(width, height, "derivation", title, sentences, parts)


def _short(name: str, most: int = 27) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def roc(curves: Sequence[tuple[str, Sequence[tuple[float, float]]]], title: str) -> str:
    """Return mean ROC curves, by target, on log-log axes; a dotted line shows guessing."""
    least = min((rate for _, points in curves for rate, _ in points if rate > 0), default=0.001)
    decades = max(2, math.ceil(-math.log10(least) - 1e-9))
    left, top, size = 52, 12, 284

    def x(rate: float) -> float:
        return left + size * (1 + math.log10(max(rate, 10**-decades)) / decades)

    def y(rate: float) -> float:
        return top - size * math.log10(max(rate, 10**-decades)) / decades

    parts = []
    for decade in range(decades + 1):
        rate = 10.0 ** (decade - decades)
        label = f"{rate:.0%}" if rate >= 0.01 else f"{rate:.1%}" if rate >= 0.001 else f"{rate:.2%}"
        parts.append(f'<path class="grid" d="M{x(rate):.0f} {top}V{top + size}M{left} {y(rate):.0f}H{left + size}"/>')
        parts.append(f'<text class="tick" x="{x(rate):.0f}" y="{top + size + 18}" text-anchor="middle">{label}</text>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{y(rate) + 4:.0f}" text-anchor="end">{label}</text>')
    parts.append(f'<path class="chance" d="M{left} {top + size}L{left + size} {top}"/>')
    for i, (name, points) in enumerate(curves):
        path = "".join(f"{'L' if k else 'M'}{x(a):.1f} {y(b):.1f}" for k, (a, b) in enumerate(points) if a > 0)
        dash = f' stroke-dasharray="{DASHES[i % len(DASHES)]}"' if i % len(DASHES) else ""
        parts.append(f'<path class="curve c{i % 6}" d="{path}"{dash}/>')
        at = top + size + 66 + 20 * i
        parts.append(f'<path class="curve c{i % 6}" d="M{left} {at}h26"{dash}/>')
        parts.append(f'<text x="{left + 34}" y="{at + 4}" text-anchor="start">{escape(name)}</text>')
    middle = left + size / 2
    parts.append(f'<text x="{middle:.0f}" y="{top + size + 38}" text-anchor="middle">false positive rate</text>')
    parts.append(
        f'<text transform="translate(12 {top + size / 2:.0f}) rotate(-90)" text-anchor="middle">true positive rate</text>'
    )
    words = "True positive rate against false positive rate, both on log axes. The table holds the figures."
    return _svg(left + size + 14, top + size + 62 + 20 * len(curves), "roc", title, words, parts, grows=1.5)


def intervals(
    rows: Sequence[tuple[str, float, tuple[float, float]]],
    title: str,
    chance: float = 0.5,
    figure: str = "AUC",
    least: float | None = None,
) -> str:
    """Return a mean with its interval for each row, its name above it; a dashed line shows chance, or no difference.

    It is as wide as a telephone, so that nothing has to be moved into sight. No figure is below `least`, if that is given.
    """
    low = math.floor(min(chance - 0.1, *(ci[0] for _, _, ci in rows)) * 10) / 10 if least is None else least
    high = math.ceil(max(chance + 0.1, *(ci[1] for _, _, ci in rows)) * 10) / 10
    left, top, width, step = 14, 8, 312, 36
    bottom = top + step * len(rows)

    def x(value: float) -> float:
        return left + width * (value - low) / (high - low)

    parts = _tenths(low, high, x, top, bottom)
    parts.append(f'<path class="chance-line" d="M{x(chance):.0f} {top}V{bottom}"/>')
    for i, (name, mean, ci) in enumerate(rows):
        y = top + step * i + 27
        figures = f"{name}: {mean:.3f}, interval {ci[0]:.3f} to {ci[1]:.3f}"
        parts.append(
            f'<g><title>{escape(figures)}</title><text class="name" x="0" y="{y - 13}">{escape(_short(name, 48))}</text>'
            f'<path class="interval" d="M{x(ci[0]):.1f} {y}H{x(ci[1]):.1f}"/><circle cx="{x(mean):.1f}" cy="{y}" r="4"/></g>'
        )
    parts.append(f'<text x="{left + width / 2:.0f}" y="{bottom + 36}" text-anchor="middle">{escape(figure)}</text>')
    words = "; ".join(f"{name} {mean:.3f}" for name, mean, _ in rows)
    return _svg(left + width + 14, bottom + 46, "intervals", title, words, parts, grows=1.6)


def bar(mean: float, ci: tuple[float, float]) -> str:
    """Return an AUC with its interval as a small bar from chance to 1, for a cell that also says it in figures."""
    width, height = 96, 12

    def x(value: float) -> float:
        return 2 + (width - 4) * (min(max(value, 0.3), 1.0) - 0.3) / 0.7

    return (
        f'<svg class="bar" viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true">'
        f'<path class="chance-line" d="M{x(0.5):.1f} 0V{height}"/>'
        f'<path class="interval" d="M{x(ci[0]):.1f} 6H{x(ci[1]):.1f}"/><circle cx="{x(mean):.1f}" cy="6" r="3"/></svg>'
    )


def _tenths(low: float, high: float, x: Callable[[float], float], top: int, bottom: int) -> list[str]:
    """Return an upright line at each tenth from low to high, and its number below, or every other one where they are many."""
    parts = []
    for tenth in range(round(low * 10), round(high * 10) + 1):
        at = x(tenth / 10)
        parts.append(f'<path class="grid" d="M{at:.0f} {top}V{bottom}"/>')
        if high - low > 0.95 and tenth % 2:
            continue
        parts.append(f'<text class="tick" x="{at:.0f}" y="{bottom + 16}" text-anchor="middle">{tenth / 10:.1f}</text>')
    return parts


def _level_tenths(low: float, high: float, y: Callable[[float], float], left: int, width: int) -> list[str]:
    """Return a level line at each tenth from low to high, and its number left of it."""
    parts = []
    for tenth in range(round(low * 10), round(high * 10) + 1):
        at = y(tenth / 10)
        parts.append(f'<path class="grid" d="M{left} {at:.0f}H{left + width}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{at + 4:.0f}" text-anchor="end">{tenth / 10:.1f}</text>')
    return parts


# Points nearer than so many pixels, across and down, are labelled in one place.
NEAR = 12


def utility(points: Sequence[Point], title: str) -> str:
    """Return models by accuracy (right is better) and by the AUC of the strongest attack (low is better), with intervals.

    A line joins those on the Pareto front, which are filled; a dashed line shows chance. Numbers lead to the names below; models
    that lie on each other have theirs in one place.
    """
    left, top, width, height, line, columns = 56, 12, 420, 300, 20, 2
    x_low, x_high = _range([end for p in points for end in p.accuracy.ci])
    y_low, y_high = _range([0.5, *(end for p in points for end in p.auc.ci)])

    def x(value: float) -> float:
        return left + width * (value - x_low) / (x_high - x_low)

    def y(value: float) -> float:
        return top + height * (y_high - value) / (y_high - y_low)

    parts = _tenths(x_low, x_high, x, top, top + height)
    parts += _level_tenths(y_low, y_high, y, left, width)
    parts.append(f'<path class="chance-line" d="M{left} {y(0.5):.0f}H{left + width}"/>')
    front = sorted((p for p in points if p.front), key=lambda p: (p.accuracy.mean, p.auc.mean))
    joined = "L".join(f"{x(p.accuracy.mean):.1f} {y(p.auc.mean):.1f}" for p in front)
    parts.append(f'<path class="front" d="M{joined}"/>')
    below, rows = top + height + 64, math.ceil(len(points) / columns)
    labels = dict[tuple[float, float], list[int]]()
    for number, p in enumerate(points, start=1):
        across, down = x(p.accuracy.mean), y(p.auc.mean)
        low, high = p.accuracy.ci, p.auc.ci
        whiskers = f"M{x(low[0]):.1f} {down:.1f}H{x(low[1]):.1f}M{across:.1f} {y(high[0]):.1f}V{y(high[1]):.1f}"
        figures = f"{p.name}: accuracy {p.accuracy.mean:.3f}, AUC {p.auc.mean:.3f}" + ", on the front" * p.front
        parts.append(
            f'<g class="{"chosen" if p.front else "other"}"><title>{escape(figures)}</title>'
            f'<path class="interval" d="{whiskers}"/><circle cx="{across:.1f}" cy="{down:.1f}" r="4"/></g>'
        )
        near = next((at for at in labels if abs(at[0] - across) < NEAR and abs(at[1] - down) < NEAR), (across, down))
        labels.setdefault(near, []).append(number)
        column, row = divmod(number - 1, rows)
        mark = "*" if p.front else ""
        place = f'x="{left + column * width / columns:.0f}" y="{below + line * row}"'
        parts.append(f"<text {place}>{number} {escape(p.name)}{mark}</text>")
    for (across, down), numbers in labels.items():
        ends = ' text-anchor="end"' if across > left + width / 2 else ""
        beside = across - 7 if ends else across + 7
        parts.append(f'<text x="{beside:.1f}" y="{down - 6:.1f}"{ends}>{", ".join(map(str, numbers))}</text>')
    parts.append(f'<text x="{left + width / 2:.0f}" y="{top + height + 36}" text-anchor="middle">test accuracy</text>')
    turned = f"translate(12 {top + height / 2:.0f}) rotate(-90)"
    parts.append(f'<text transform="{turned}" text-anchor="middle">AUC of the strongest attack</text>')
    words = "; ".join(f"{p.name} {p.accuracy.mean:.3f} and {p.auc.mean:.3f}" for p in points)
    tall = below + line * rows
    return _svg(left + width + 24, tall, "utility", title, f"Accuracy and AUC: {words}. * is on the front.", parts, shrinks=0.7)


def price(points: Sequence[Priced], title: str) -> str:
    """Return attacks by the models that each trains (log scale) and by AUC, with intervals; those on the front are filled.

    A dashed line shows chance. Numbers lead to the names beside.
    """
    left, top, width, height, line = 56, 12, 420, 300, 20
    most = max(2, *(p.models for p in points))
    y_low, y_high = _range([0.5, *(end for p in points for end in p.auc.ci)])

    def x(models: int) -> float:
        return left + 14 + (width - 28) * math.log2(1 + models) / math.log2(1 + most)

    def y(value: float) -> float:
        return top + height * (y_high - value) / (y_high - y_low)

    parts = _level_tenths(y_low, y_high, y, left, width)
    for models in sorted({0, *(p.models for p in points)}):
        parts.append(f'<path class="grid" d="M{x(models):.0f} {top}V{top + height}"/>')
        parts.append(f'<text class="tick" x="{x(models):.0f}" y="{top + height + 16}" text-anchor="middle">{models}</text>')
    parts.append(f'<path class="chance-line" d="M{left} {y(0.5):.0f}H{left + width}"/>')
    numbered: list[tuple[float, float]] = []
    for number, p in enumerate(points, start=1):
        across, down, (low, high) = x(p.models), y(p.auc.mean), p.auc.ci
        # Where numbers would lie on each other, they stand in a row.
        beside = across + 6 + 20 * sum(p.front and at == across and abs(down - height) < 12 for at, height in numbered)
        numbered += [(across, down)] * p.front
        figures = f"{p.attack}: {p.models} models, AUC {p.auc.mean:.3f}" + ", on the front" * p.front
        parts.append(
            f'<g class="{"chosen" if p.front else "other"}"><title>{escape(figures)}</title>'
            f'<path class="interval" d="M{across:.1f} {y(high):.1f}V{y(low):.1f}"/>'
            f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4"/>'
            + (f'<text x="{beside:.1f}" y="{down - 6:.1f}">{number}</text>' if p.front else "")
            + "</g>"
        )
        mark = "*" if p.front else ""
        parts.append(f'<text x="{left + width + 24}" y="{top + line * number - 6}">{number} {escape(p.attack)}{mark}</text>')
    parts.append(f'<text x="{left + width / 2:.0f}" y="{top + height + 36}" text-anchor="middle">models trained</text>')
    parts.append(f'<text transform="translate(12 {top + height / 2:.0f}) rotate(-90)" text-anchor="middle">AUC</text>')
    words = "; ".join(f"{p.attack} {p.models} models and {p.auc.mean:.3f}" for p in points)
    tall = max(top + height + 46, top + line * len(points) + 10)
    return _svg(left + width + 270, tall, "utility", title, f"Models and AUC: {words}. * is on the front.", parts)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return the tenths that hold some values; at least one tenth lies between them."""
    low, high = math.floor(min(values) * 10), math.ceil(max(values) * 10)
    return low / 10, max(high, low + 1) / 10


def crowd(groups: Sequence[tuple[int, int, str]], title: str) -> str:
    """Return a dot for each record of some groups, (how many, how many of them are accused, what they are); those are filled."""
    across, step, gap, top = 20, 13, 60, 30
    parts = []
    tall = top + step * max(math.ceil(count / across) for count, _, _ in groups)
    for place, (count, accused, name) in enumerate(groups):
        left = MARGIN + place * (across * step + gap)
        parts.append(f'<text x="{left}" y="18">{accused} of {count} {escape(name)} accused</text>')
        for i in range(count):
            x, y = left + step * (i % across) + 5, top + step * (i // across) + 5
            parts.append(f'<circle class="{"chosen" if i < accused else "other"}" cx="{x}" cy="{y}" r="4"/>')
    width = 2 * MARGIN + len(groups) * across * step + (len(groups) - 1) * gap
    words = "; ".join(f"{accused} of {count} {name} are accused" for count, accused, name in groups)
    return _svg(width, tall + MARGIN, "crowd", title, words, parts, shrinks=0.58)


def coverage(cells: Sequence[Cell], title: str) -> str:
    """Return the map of the taxonomy: a box for each combination, with the number of attacks that were published for it."""
    across = sorted({cell.knowledge for cell in cells}, key=lambda k: (len(k), k))
    down = list(dict.fromkeys((cell.observation, cell.model, cell.frame) for cell in cells))
    left, top, width, height, gap = 275, 30, 48, 32, 4
    most = max(len(cell.published) for cell in cells) or 1
    parts = []
    for i, knowledge in enumerate(across):
        at = left + i * (width + gap) + width / 2
        parts.append(f'<text x="{at:.0f}" y="{top - 10}" text-anchor="middle">{" ".join(knowledge) or "nothing"}</text>')
    for i, names in enumerate(down):
        y = top + i * (height + gap) + height / 2 + 4
        parts.append(f'<text x="{left - 12}" y="{y:.0f}" text-anchor="end">{escape(", ".join(names))}</text>')
    for cell in cells:
        x = left + across.index(cell.knowledge) * (width + gap)
        y = top + down.index((cell.observation, cell.model, cell.frame)) * (height + gap)
        count, feasible = len(cell.published), len(cell.feasible)
        words = f"{count} published" if count else "a gap" if feasible else "none"
        shown = count or ("gap" if feasible else "–")
        place = ", ".join((cell.observation, cell.model, cell.frame, " ".join(cell.knowledge) or "nothing"))
        # More attacks, a deeper colour; the number stands in every box, so nothing rests on colour alone.
        shade = f' style="fill-opacity:{0.12 + 0.4 * math.log1p(count) / math.log1p(most):.2f}"' if count else ""
        parts.append(
            f'<g class="{"covered" if count else "empty"}"><title>{place}: {words}, {feasible} feasible</title>'
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="3"{shade}/>'
            f'<text x="{x + width / 2:.0f}" y="{y + height / 2 + 4:.0f}" text-anchor="middle">{shown}</text></g>'
        )
    words = "The table below holds every combination."
    return _svg(left + len(across) * (width + gap), top + len(down) * (height + gap), "coverage", title, words, parts)


def _svg(
    width: float,
    height: float,
    kind: str,
    title: str,
    description: str,
    parts: Sequence[str],
    *,
    grows: float = 1.0,
    shrinks: float = 1.0,
) -> str:
    """Return a picture, no smaller than its text (11 pixels, if the style says nothing else) can be read at; it may grow."""
    sizes = f"min-width:{width * shrinks:.0f}px;max-width:{width * grows:.0f}px"
    head = f'<svg class="picture {kind}" viewBox="0 0 {width:.0f} {height:.0f}" style="{sizes}" role="img"'
    label = f' aria-label="{escape(title, quote=True)}"><title>{escape(title)}</title><desc>{escape(description)}</desc>'
    return head + label + "".join(parts) + "</svg>"


def pixels(text: str, title: str) -> str:
    """Return a square picture of grey values, one digit to base 36 a pixel, row by row; 0 is blank and g is black."""
    side = math.isqrt(len(text))
    parts = [
        f'<rect x="{i % side}" y="{i // side}" width="1" height="1" fill-opacity="{int(grey, 36) / 16:.2f}"/>'
        for i, grey in enumerate(text)
        if grey != "0"
    ]
    head = f'<svg class="pixels" viewBox="0 0 {side} {side}" role="img" aria-label="{escape(title, quote=True)}">'
    return f'{head}<rect class="paper" width="{side}" height="{side}"/>{"".join(parts)}</svg>'
