"""Six short pages from what leaks to what helps: each has a figure from evidence, if it was measured, and a command's output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matrix
import outputs
import picture
from markupsafe import Markup

from taxonomy.figures import OnTarget

if TYPE_CHECKING:
    from render import Site

DIGITS = "digits-mlp"


@dataclass(frozen=True)
class Lesson:
    """One page: its name in addresses, its title, what draws its figure, and the command that is shown with its output."""

    name: str
    title: str
    figure: Callable[[Site], str]
    command: str
    lines: int = outputs.LINES


def _measured(site: Site, attack: str, target: str) -> OnTarget | None:
    """Return what was measured of an attack on a target; None of what is older than the code."""
    found = site.measured.get(attack)
    if found is None or target in site.stale[attack]:
        return None
    return next((one for one in found.targets if one.target == target and one.auc), None)


def _areas(site: Site, rows: list[tuple[str, str, str]], title: str) -> str:
    """Return a picture of the AUCs of attacks on targets, each under a name in words."""
    found = [(label, one.auc.mean, one.auc.ci) for a, t, label in rows if (one := _measured(site, a, t)) and one.auc]
    return picture.intervals(found, title) if len(found) > 1 else ""


def _leaks(site: Site) -> str:
    rows = [
        ("carlini-2021-perplexity", "jargon-gru", "500 passages"),
        ("carlini-2021-perplexity", "jargon-gru-large", "2,500 passages, fewer passes"),
        ("carlini-2021-perplexity", "jargon-gru-null", "control: it never saw the candidates"),
    ]
    return _areas(site, rows, "How well perplexity tells members of a language model apart")


def _knowledge(site: Site) -> str:
    rows = [
        ("yeom-2018-gap", DIGITS, "labels, one question a record"),
        ("choquettechoo-2021-boundary", DIGITS, "labels, many questions a record"),
        ("yeom-2018-loss", DIGITS, "scores"),
        ("shokri-2017", DIGITS, "scores, and shadow models"),
        ("carlini-2022-lira-offline", DIGITS, "scores, and models made beforehand"),
        ("carlini-2022-lira", DIGITS, "scores, and models with the candidate"),
    ]
    return _areas(site, rows, "What the same network gives away to adversaries who have more and more")


def _scores(site: Site) -> str:
    names = {"yeom-2018-loss": "loss threshold", "carlini-2022-lira": "LiRA", "zarifzadeh-2024-rmia": "RMIA"}
    curves = [(label, one.roc) for name, label in names.items() if (one := _measured(site, name, DIGITS)) and one.roc]
    return picture.roc(curves, f"The same signal, as it is and calibrated, on {DIGITS}") if len(curves) > 1 else ""


def _rates(site: Site) -> str:
    rows = []
    for name in ("yeom-2018-loss", "shokri-2017", "carlini-2022-lira-offline", "carlini-2022-lira", "zarifzadeh-2024-rmia"):
        one = _measured(site, name, DIGITS)
        rate = one.tpr_at_fpr.get("0.01") if one else None
        if rate:
            rows.append((site.catalog.attacks[name].title, rate.mean, rate.ci))
    title = f"TPR at 1 % FPR on {DIGITS}, with intervals over seeds and records"
    figure = "TPR at 1 % FPR; the dashed line is guessing"
    return picture.intervals(rows, title, chance=0.01, figure=figure, least=0.0) if rows else ""


def _others(site: Site) -> str:
    rows = [
        ("gan-leaks-1", "fashion-vae", "autoencoder, by its samples"),
        ("duan-2023-secmi", "digits-diffusion", "diffusion model, by its denoiser"),
        ("shi-2024-min-k", "jargon-gru", "language model, by likelihoods"),
        ("nasr-2019-passive", "genomes-federated", "federation, seen by a participant"),
        ("nasr-2019-passive-server", "genomes-federated-server", "federation, seen by its server"),
    ]
    return _areas(site, rows, "Members told apart in models that generate, and in federations")


def _defended(site: Site) -> str:
    shown = matrix.shown(site.catalog, site.defended)
    if drawn := shown["drawn"].get(DIGITS):
        return str(drawn)
    rows = [
        ("gan-leaks-1", "fashion-vae", "autoencoder as it is"),
        ("gan-leaks-1", "fashion-vae-dropout", "trained with dropout"),
        ("gan-leaks-1", "fashion-vae-large", "on many more pictures, in fewer passes"),
    ]
    return _areas(site, rows, "What an attack by samples finds, and two changes to the training")


LESSONS = (
    Lesson("leaks", "What leaks, and why", _leaks, "mia show yeom-2018-loss", 36),
    Lesson("threat-models", "Threat models", _knowledge, "mia explain carlini-2022-lira --threat-model prediction-api-labels"),
    Lesson("scores", "Scores, calibration and shadow models", _scores, "mia compare carlini-2022-lira yeom-2018-loss"),
    Lesson("measuring", "Measuring at low false positive rates", _rates, "mia frontier digits-mlp --models 4"),
    Lesson(
        "other-models",
        "Generative models and federations",
        _others,
        "mia explain nasr-2019-passive --threat-model honest-but-curious-participant",
    ),
    Lesson("defenses", "Defenses and their price", _defended, "mia harden --threat-model prediction-api-scores"),
)


def write(site: Site) -> None:
    """Write the pages, and the list of them."""
    site.page("learn/index.md", "learn_index.md.j2", lessons=LESSONS)
    for place, lesson in enumerate(LESSONS):
        after = LESSONS[place + 1] if place + 1 < len(LESSONS) else None
        values = {"lesson": lesson, "number": place + 1, "after": after, "count": len(LESSONS)}
        drawn, output = Markup(lesson.figure(site)), outputs.of(lesson.command, lesson.lines)
        site.page(f"learn/{lesson.name}.md", f"learn_{lesson.name.replace('-', '_')}.md.j2", **values, drawn=drawn, output=output)
