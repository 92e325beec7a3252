"""Texts of a new defense: its entry, and the function that puts it on a target. Knows no files, and no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from attacks.cli.skeletons import (
    SUMMARY,
    TENSOR,
    TORCH,
    Annotation,
    flow,
    folded,
    head,
    import_lines,
    joined,
    module_name,
    signature,
    title,
)


@dataclass(frozen=True)
class Begun:
    """The function of a defense as it is begun: what it takes and returns, what is left of grants, and a target to try it on."""

    function: str
    arguments: Mapping[str, Annotation]
    returned: Annotation
    doc: str
    comment: str
    value: str
    fits: tuple[str, ...]
    target: str
    imports: tuple[Annotation, ...] = ()
    replaces: Mapping[str, str] = field(default_factory=dict)
    may_leave: tuple[str, ...] = ()


TRAINING = "attacks.models.training"
# By what a defense changes; of answers by what is masked. Each is such that it can be put on a target as it stands.
DEFENSES = {
    "Q.scores": Begun(
        "show",
        {"log_probs": TENSOR},
        TENSOR,
        "what is shown of log-probabilities, float64 (n, classes) both, NaN where a class is not shown",
        "so far no score is shown, and the label is left",
        'torch.full_like(log_probs, float("nan"))',
        ("discriminative", "answers-classes"),
        "digits-mlp",
        (TORCH,),
        {"Q.scores": "Q.labels"},
        ("Q.rounded-scores", "Q.noisy-scores", "Q.top-k"),
    ),
    "Q.aggregates": Begun(
        "show",
        {"statistics": TENSOR, "size": Annotation("int", "")},
        TENSOR,
        "what is shown of the means of a group of this size, float64 of any shape, NaN where nothing is",
        "so far all of them as they are",
        "statistics",
        ("aggregate",),
        "flights-group-25",
        (),
        {"Q.aggregates": "Q.noisy-aggregates"},
        ("Q.suppressed-aggregates", "Q.beacon"),
    ),
    "channel": Begun(
        "compute",
        {"x": TENSOR, "owner": Annotation("Owner", "attacks.defenses.owner")},
        TENSOR,
        "how log-probabilities of the owner's model, float64 (n, classes), are computed of x (n, ...)",
        "so far as without a defense",
        "owner.model.log_probs(x)",
        ("discriminative", "answers-classes"),
        "digits-mlp",
    ),
    "uploads": Begun(
        "add_up",
        {"uploads": Annotation("list[dict[str, Tensor]]", "")},
        Annotation("dict[str, Tensor]", ""),
        "the sum of the uploads of one round, float64 tensors by name, as the server sees it",
        "so far a plain sum, of which nothing hides the parts",
        "{name: torch.stack([one[name] for one in uploads]).sum(dim=0) for name in uploads[0]}",
        ("federated",),
        "genomes-federated-server",
        (TORCH, TENSOR),
    ),
    "training": Begun(
        "train",
        {"recipe": Annotation("Recipe", TRAINING), "data": Annotation("TrainingSet", TRAINING)},
        Annotation("nn.Module", ""),
        "how the network is trained on data.x and data.y, as the recipe says what it is made of",
        "so far trained as without a defense",
        "fit(recipe, data)",
        ("discriminative", "stand-alone"),
        "digits-mlp",
        (Annotation("nn", "torch"), Annotation("fit", TRAINING)),
    ),
}


def entry(
    name: str,
    category: str,
    changes: str,
    withdraws: Sequence[str],
    cites: Sequence[str],
    schema: bool,
    begun: Begun | None,
    module: str,
) -> str:
    """Return the entry of a defense, with the function of a module if it has `begun`."""
    lines = [*head("defenses", name, cites, schema), *folded("summary", SUMMARY), f"category: {category}", "standing: later"]
    lines += [*folded("mechanism", "To be written: what is done, and when."), f"changes: {changes}"]
    replaced = begun.replaces if begun else {}
    lines += flow("fits", begun.fits) if begun else []
    if replaced:
        lines += [f"# What the function leaves. It may also be {', '.join(begun.may_leave)}."] if begun else []
        lines += flow("replaces", [f"{term}: {left}" for term, left in replaced.items()], brackets="{}")
    elif changes == "answers":
        lines += ["# Where something poorer is left of a grant: `replaces: {Q.scores: Q.rounded-scores}` in place of this."]
    lines += flow("withdraws", rest) if (rest := [term for term in withdraws if term not in replaced]) else []
    if begun:
        lines += [f"run: {module}:{begun.function}"]
    else:
        lines += ["# Once there is a function that puts it on a target (CONTRIBUTING.md, A defense):"]
        lines += [f"# run: {module_name(name)}:function"]
    return joined([*lines, "utility_cost: To be written. What it costs users, measured or reported."])


def code(name: str, begun: Begun) -> str:
    """Return the module of a defense."""
    named = [one for one in (*begun.arguments.values(), begun.returned) if one.module]
    return joined(
        [
            f'"""{title(name)}."""',
            "",
            "from __future__ import annotations",
            "",
            *import_lines([*named, *begun.imports], ours=False),
            "",
            "",
            *signature(begun.function, begun.arguments, begun.returned.name),
            f'    """To be written: {begun.doc}."""',
            f"    # To be replaced: {begun.comment}.",
            f"    return {begun.value}",
        ]
    )
