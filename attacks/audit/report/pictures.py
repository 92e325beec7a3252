"""Pictures beside the page: the ROCs of all attacks of a threat model, and what a generative target makes."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.metrics import Roc
from attacks.seeds import digest, digest_arrays

ROC = "roc.png"
# What a line of the legend takes, in inches.
LINE = 0.16
# Under this keyword a picture says what it was drawn from.
DRAWN_FROM = "Drawn-From"


@dataclass(frozen=True)
class Curves:
    """ROCs by attack under one title, as one picture shows them. All are about the same members and non-members."""

    title: str
    rocs: Mapping[str, Roc]
    areas: Mapping[str, float]

    @property
    def drawn_from(self) -> str:
        """A hash of all that the picture follows from: curves, names, and the code that draws."""
        rocs = [[name, self.areas[name], digest_arrays(roc.hits, roc.alarms)] for name, roc in self.rocs.items()]
        return digest([Path(__file__).read_text(encoding="utf-8"), version("matplotlib"), self.title, rocs])


def kept(path: Path, curves: Curves) -> bytes | None:
    """Return the picture that was left there before, if it was drawn from the same: drawing takes longer than the rest."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if _said(content) == curves.drawn_from else None


def _said(content: bytes) -> str | None:
    """Return what a picture says that it was drawn from; None of what is no whole picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            said = picture.info.get(DRAWN_FROM)
            picture.verify()
    except (OSError, SyntaxError, ValueError):  # what it raises of a file that is damaged
        return None
    return str(said)


def roc(curves: Curves) -> bytes:
    """Return the ROC of every attack in log-log scale as PNG: where the false positives are few is where it matters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    first = next(iter(curves.rocs.values()))
    members, others = first.members, first.others
    # A legend that is taller than the picture would push the curves out of it.
    figure = Figure(figsize=(9.6, max(5.2, 0.6 + LINE * (len(curves.rocs) + 1))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    styles = ["-", "--", "-.", ":"]
    for i, name in enumerate(sorted(curves.rocs, key=lambda name: -curves.areas[name])):
        curve, label = curves.rocs[name], f"{name} (AUC {curves.areas[name]:.3f})"
        axes.step(curve.false_positive_rate, curve.true_positive_rate, where="post", label=label, linestyle=styles[i // 10 % 4])
    chance = np.geomspace(1 / others, 1, 100)
    axes.plot(chance, chance, color="grey", linewidth=0.8, linestyle=":", label="guessing")
    axes.set(xscale="log", yscale="log", xlim=(1 / others, 1), ylim=(1 / members, 1))
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set_title(curves.title.replace("$", r"\$"), fontsize=10)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
    axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None, DRAWN_FROM: curves.drawn_from})
    return buffer.getvalue()


@dataclass(frozen=True)
class Exhibit:
    """Pictures of a generative model under one title: how many, and all of them in one PNG."""

    title: str
    count: int
    png: bytes

    @property
    def file(self) -> str:
        """Name of the file beside the report."""
        return f"{slug(self.title)}.png"

    @property
    def encoded(self) -> str:
        """The PNG as text."""
        return base64.b64encode(self.png).decode()


def slug(text: str) -> str:
    """Return text as part of a file name: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def exhibits(pictures: Mapping[str, NDArray[np.float64]]) -> Sequence[Exhibit]:
    """Return grey pictures (n, height, width) by title as exhibits."""
    return [Exhibit(title, len(shown), grid(shown)) for title, shown in pictures.items()]


def grid(pictures: NDArray[np.float64]) -> bytes:
    """Return grey pictures (n, height, width), 0 black and 1 white, in rows of eight as one PNG; small ones are enlarged."""
    from matplotlib.image import imsave

    count, height, width = pictures.shape
    scale, columns = max(1, 64 // height), min(8, count)
    rows = -(-count // columns)
    enlarged = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    framed = np.ones((rows * columns, height * scale + 4, width * scale + 4))
    framed[:count, 2:-2, 2:-2] = enlarged
    tall, wide = framed.shape[1:]
    whole = framed.reshape(rows, columns, tall, wide).swapaxes(1, 2).reshape(rows * tall, columns * wide)
    buffer = io.BytesIO()
    imsave(buffer, whole, cmap="gray", vmin=0, vmax=1, format="png", metadata={"Software": ""})
    return buffer.getvalue()
