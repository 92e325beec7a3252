"""How titles, rates, counts and intervals are written on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from markupsafe import Markup

PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$&<>])")


def title_in_markdown(text: str) -> str:
    """Return text that Markdown shows as typed in a heading."""
    return "".join(escape(c) if c in "<>&" else f"\\{c}" if PUNCTUATION.match(c) else c for c in text)


def prose(text: str) -> Markup:
    """Return text in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text)))  # noqa: S704  (it is escaped)


def rate(value: float | None) -> str:
    """Return a rate with three decimal places; a dash for one that was not measured."""
    return "–" if value is None else f"{value:.3f}"


def count_of(number: int, what: str) -> str:
    """Return a number of things, in words: one attack, two attacks."""
    plural = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{number:,} {what if number == 1 else plural}"


def interval(pair: Iterable[float] | None) -> str:
    """Return an interval as words say it; nothing for none."""
    return "" if pair is None else "{:.3f} to {:.3f}".format(*pair)


# What further figures are called where their names say too little: those of sets (`attacks.metrics.sets`).
DETAILS = {
    "accused": "share of the sets without members that are accused",
    "accused_low": "lower end of its 95 % interval",
    "accused_high": "upper end",
    "auc": "AUC by p-values",
    "level": "level of the test",
}


def detail(name: str) -> str:
    """Return a further figure of a metric by its name in words."""
    return DETAILS.get(name, name.replace("_", " "))
