"""The report of a run: results.json, scores.npz, a log-log ROC, pictures of what a target makes, and one HTML page."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attacks import metrics
from attacks.engine import drafts
from attacks.metrics import rate_interval
from attacks.seeds import digest, digest_arrays
from taxonomy.findings import InputError

if TYPE_CHECKING:
    from attacks.engine.outcome import Outcome

ROC = "roc.png"
# Under this keyword a picture says what it was drawn from.
DRAWN_FROM = "Drawn-From"
TEMPLATE = Path(__file__).parent / "report.html.j2"


def prepare(folder: Path) -> None:
    """Make the folder of a run; raise InputError before any work is done if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drafts.sweep(folder)
        probe = folder / drafts.name()
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be written ({error.strerror}); name another with --out") from error


def sweep(folder: Path) -> None:
    """Take a run's folder away if nothing was written into it, since the run came to nothing."""
    with contextlib.suppress(OSError):  # it holds something
        folder.rmdir()


def write(outcome: Outcome, folder: Path, command: str) -> dict[str, Any]:
    """Write everything about a run into a folder, all of it or nothing; return what stands in results.json, which is last."""
    data = {**outcome.as_json(str(folder)), "command": command}
    picture = _kept_picture(folder / ROC, drawn_from(outcome)) or roc_picture(outcome)
    exhibits = outcome.exhibits() if outcome.exhibits else {}
    shown = [Exhibit(title, len(pictures), grid(pictures.double().numpy())) for title, pictures in exhibits.items()]
    scores = io.BytesIO()
    arrays: dict[str, Any] = {**outcome.scores, "member": outcome.member}
    np.savez(scores, **arrays)
    files = {
        ROC: picture,
        **{exhibit.file: exhibit.png for exhibit in shown},
        "report.html": html(data, picture, shown).encode(),
        "scores.npz": scores.getvalue(),
        "results.json": (json.dumps(data, indent=2, sort_keys=True) + "\n").encode(),
    }
    drafts.replace({folder / name: content for name, content in files.items()})
    return data


def drawn_from(outcome: Outcome) -> str:
    """Return a hash of all that the picture of the ROC follows from: curves, names, and the code that draws."""
    ranked = [[result["attack"], result["auc"]] for result in outcome.results if "auc" in result]
    rocs = [metrics.roc(outcome.scores[name], outcome.member) for name, _ in ranked]
    curves = [digest_arrays(curve.hits, curve.alarms) for curve in rocs]
    code = Path(__file__).read_text(encoding="utf-8")
    return digest([code, version("matplotlib"), ranked, curves, outcome.plan.target.id, outcome.seed])


def _kept_picture(path: Path, wanted: str) -> bytes | None:
    """Return the picture that the run before left in the folder, if it was drawn from the same: it takes longer than the rest."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if wanted == _said(content) else None


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


def roc_picture(outcome: Outcome) -> bytes:
    """Return the ROC of every attack in log-log scale as PNG: where the false positives are few is where it matters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    members, others = int(outcome.member.sum()), int((~outcome.member).sum())
    figure = Figure(figsize=(9.6, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    styles = ["-", "--", "-.", ":"]
    ranked = sorted((result for result in outcome.results if "auc" in result), key=lambda result: -result["auc"])
    for i, result in enumerate(ranked):
        curve = metrics.roc(outcome.scores[result["attack"]], outcome.member)
        label = f"{result['attack']} (AUC {result['auc']:.3f})"
        axes.step(curve.false_positive_rate, curve.true_positive_rate, where="post", label=label, linestyle=styles[i // 10 % 4])
    chance = np.geomspace(1 / others, 1, 100)
    axes.plot(chance, chance, color="grey", linewidth=0.8, linestyle=":", label="guessing")
    axes.set(xscale="log", yscale="log", xlim=(1 / others, 1), ylim=(1 / members, 1))
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set_title(f"{outcome.plan.target.id}: {members:,} members, {others:,} non-members, seed {outcome.seed}", fontsize=10)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
    axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None, DRAWN_FROM: drawn_from(outcome)})
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
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") + ".png"

    @property
    def encoded(self) -> str:
        """The PNG as text."""
        return base64.b64encode(self.png).decode()


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


def html(data: dict[str, Any], picture: bytes, exhibits: Sequence[Exhibit] = ()) -> str:
    """Return one page without outside resources; everything that comes from entries is escaped."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["rate"] = lambda value: "–" if value is None else f"{value:.3f}"
    environment.filters["interval"] = lambda pair: "" if pair is None else f"{pair[0]:.3f} to {pair[1]:.3f}"
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    reasons = sorted({reason for result in data["results"] for reason in result.get("unresolved", {}).values()})
    membership = sorted((r for r in data["results"] if "auc" in r), key=lambda r: -r["auc"])
    others = [r for r in data["results"] if "metric" in r]
    others_of = membership[0]["non_members"] if membership else 0
    resolved = [rate for rate in metrics.FALSE_POSITIVE_RATES if rate * others_of >= 1 - 1e-9]
    sets = next((r["set_membership"]["size"] for r in membership if r.get("set_membership")), None)
    return template.render(
        run=data,
        membership=membership,
        others=others,
        reasons=reasons,
        sets=sets,
        flattered=[(rate, rate_interval.true_rate(others_of, rate)) for rate in resolved],
        unbounded=[rate for rate in resolved if not rate_interval.has_lower_limit(others_of, rate)],
        exhibits=exhibits,
        picture=base64.b64encode(picture).decode(),
    )
