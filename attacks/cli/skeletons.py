"""Texts of new entries and of the code behind them: what `mia new` writes. Knows no files, and no torch."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taxonomy.catalog import Catalog
from taxonomy.check import CANDIDATES, handles
from taxonomy.skeletons import Framed, Tested, handle_of

WIDTH = 130
HANDLES = "attacks.handles"
AUTHOR_YEAR = re.compile(r"([a-z]+(?:-[a-z]+)*)-((?:19|20)[0-9]{2})(?:-|$)")
SUMMARY = "To be written: one or two sentences that a newcomer understands."


@dataclass(frozen=True)
class Annotation:
    """A type or another name, and the module from which it is imported; "" for one that needs no import."""

    name: str
    module: str


ANYTHING = Annotation("object", "")
TENSOR = Annotation("Tensor", "torch")
NUMPY = Annotation("numpy as np", "")
ARRAY = Annotation("NDArray", "numpy.typing")


def module_name(name: str) -> str:
    """Return the name of the module of an id."""
    plain = name.replace("-", "_")
    if plain[0].isdigit():
        return f"_{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def title(name: str) -> str:
    """Return an id as words."""
    words = re.sub(r"[-._]", " ", name)
    return words[0].upper() + words[1:]


@dataclass(frozen=True)
class Work:
    """The work that an id names: its key, its author and year as far as the id says them."""

    key: str
    author: str = ""
    year: str = ""

    def bibtex(self) -> str:
        """Return a stub for references.bib."""
        lines = [f"  author = {{{self.author or 'To be written'}}}", "  title = {To be written: the title of the work}"]
        lines += [f"  year = {{{self.year}}}"] if self.year else []
        return f"@misc{{{self.key},\n" + ",\n".join(lines) + ",\n}\n"


def work_of(name: str) -> Work:
    """Return the work that an id names, such as doe2027 of doe-2027-example."""
    if found := AUTHOR_YEAR.match(name):
        author = found[1].replace("-", " ").title()
        return Work(found[1].replace("-", "") + found[2], author, found[2])
    return Work(name.replace("-", ""))


def names_work(name: str) -> bool:
    """Whether an id begins with an author and a year."""
    return AUTHOR_YEAR.match(name) is not None


# -- YAML ------------------------------------------------------------------------------------------------------------------


def flow(key: str, values: Sequence[str], indent: str = "", brackets: str = "[]") -> list[str]:
    """Return a list in brackets, or a mapping in braces, on lines that are not too long."""
    opened, closed = brackets[0], brackets[1]
    line = f"{indent}{key}: {opened}{', '.join(values)}{closed}"
    if len(line) <= WIDTH:
        return [line]
    lines = [f"{indent}  {opened}"]
    for number, value in enumerate(values):
        said = value + (closed if number == len(values) - 1 else ",")
        if len(lines[-1]) + 1 + len(said) > WIDTH:
            lines.append(f"{indent}  ")
        lines[-1] += said if lines[-1].endswith(opened) and not number else f" {said}"
    return [f"{indent}{key}:", *lines]


def folded(key: str, text: str, indent: str = "") -> list[str]:
    """Return a text below its key."""
    wrapped = textwrap.wrap(text, WIDTH - 4 - len(indent), break_long_words=False, break_on_hyphens=False)
    return [f"{indent}{key}: >-", *(f"{indent}  {line}" for line in wrapped)]


def head(kind: str, name: str, cites: Sequence[str], schema: bool, more: Sequence[str] = ()) -> list[str]:
    """Return the first lines of an entry: its schema if there is one to name, its id, its title, `more`, and what it cites."""
    lines = [f"# yaml-language-server: $schema=../schemas/{kind}.json"] if schema else []
    lines += ["schema: 1", f"id: {name}", f"title: {title(name)}", *more]
    return [*lines, *([f"cites: [{', '.join(cites)}]"] if cites else [])]


def attack_entry(name: str, tested: Tested, run: str, work: Work, cost: str, schema: bool) -> str:
    """Return the entry of an attack."""
    one = tested.framed
    lines = head("attacks", name, [work.key], schema, [f"year: {work.year}"] if work.year else [])
    lines += [*folded("summary", SUMMARY), *flow("needs", one.needs), "published:", "  - name: paper"]
    lines += [f"    observation: {tested.observation}", *flow("knows", tested.knows, "    ")]
    lines += [f"    model: {one.model}", f"    frame: {one.frame}"]
    lines += ["    source: memory  # read, with `where`, once the paper was read"]
    lines += [f"run: {run}", f"cost: {cost}"]
    lines += [f"targets: {{others: [{tested.target}], null: {tested.null}}}  # where the attack works goes under `power`"]
    return joined(lines)


def step_entry(name: str, one: Framed, yields: str, run: str, cites: Sequence[str], schema: bool, *, runs: bool) -> str:
    """Return the entry of a step; one that makes what other steps make takes part in runs only when it is written."""
    lines = [*head("steps", name, cites, schema), *folded("summary", SUMMARY), *flow("needs", one.needs), f"yields: {yields}"]
    lines += ["because: To be written, in one sentence why what is needed is enough."]
    if not runs:
        lines += ["# Once the function is written. Until then the proofs of attacks do without this step.", f"# run: {run}"]
    lines += [f"run: {run}"] if runs else []
    return joined([*lines, "cost: {}"])


def target_entry(name: str, offers: Sequence[str], params: Mapping[str, object], schema: bool, *, control: bool) -> str:
    """Return the entry of a target that is a classifier, or of its control."""
    summary = SUMMARY
    if control:
        summary = (
            f"The control for the null test: the network of {name.removesuffix('-null')}, trained on records that are not among "
            'the candidates. Its "members" are records that it never saw, so every attack must be at chance.'
        )
    lines = [*head("targets", name, [], schema), *folded("summary", summary), "model: discriminative", "frame: stand-alone"]
    lines += ["control: true"] if control else []
    lines += ["data: To be written. So far random numbers around a centre for each class.", *flow("offers", offers)]
    lines += ["run: attacks.targets.classifier:build"]
    said = [f"{key}: {str(value).lower() if isinstance(value, bool) else value}" for key, value in params.items()]
    return joined([*lines, *flow("params", said, brackets="{}")])


def term_stub(term: str, handle: str, one: Framed) -> str:
    """Return a new artifact as an item of the terms of taxonomy.yaml."""
    lines = [f"- id: {term}", f"  title: {title(term)}", "  aspect: artifact"]
    lines += [*folded("definition", "To be written: what it is, and what it holds.", "  "), "  extension: true"]
    lines += [f"  handle: {handle}"]
    types = [need for need in one.needs if need == one.model]
    lines += [f"  models: [{one.model}]"] if types else []
    return joined([*lines, *(["  frames: [federated]"] if one.frame == "federated" and "federated" in one.needs else [])])


def joined(lines: Iterable[str]) -> str:
    """Return lines as the text of a file."""
    return "\n".join(lines) + "\n"


# -- Python ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Body:
    """What a function returns so far: a comment that says so, an expression, what it imports, and what it costs."""

    comment: str
    value: str
    imports: tuple[Annotation, ...] = ()
    cost: str = "{}"


SIGNALS = Annotation("signals", "attacks.models")
TORCH = Annotation("torch", "")
ONE_QUERY = "{queries_per_record: 1}"
# What needs allow the simplest score that means something, and that score. The first that fits counts.
BODIES = (
    ({"Q.scores", "record.label"}, "minus the loss", "-signals.loss(scores(records.x), records.label)", (SIGNALS,)),
    ({"Q.scores"}, "the log-probability of the predicted class", "scores(records.x).amax(dim=-1)", ()),
    ({"Q.top-k"}, "the log-probability of the predicted class", "top_k(records.x)[0][:, 0]", ()),
    ({"Q.labels", "record.label"}, "whether the label is predicted", "(labels(records.x) == records.label).double()", ()),
    ({"Q.value", "record.label"}, "minus the size of the error", "-(value(records.x) - records.label).abs()", ()),
)
CHANCE = Body(
    "Chance, to be replaced: so far every record has the same score.",
    f"torch.zeros(len({CANDIDATES}), dtype=torch.float64)",
    (TORCH,),
)


def body_of(needs: Sequence[str]) -> Body:
    """Return the simplest score that the needs allow; where none is known, the same for every record, which is chance."""
    for wanted, what, value, imports in BODIES:
        if wanted.issubset(needs):
            return Body(
                f"To be replaced by the method: so far {what}, and nothing else that it is given.", value, imports, ONE_QUERY
            )
    return CHANCE


def attack_code(
    catalog: Catalog, name: str, needs: Sequence[str], types: Mapping[str, Annotation], body: Body, *, ours: bool
) -> str:
    """Return the module of an attack."""
    arguments = {handle: types.get(handle, ANYTHING) for handle in handles(catalog, needs)}
    doc = f"To be written: what the score is. float64 of shape (n,), higher means member. {title(name)}."
    lines = [f'"""{title(name)}."""', "", "from __future__ import annotations", ""]
    lines += import_lines([*arguments.values(), TENSOR, *body.imports], ours)
    lines += [
        "",
        "",
        *signature("infer", arguments, "Tensor"),
        f'    """{doc}"""',
        f"    # {body.comment}",
        f"    return {body.value}",
    ]
    return joined(lines)


def step_code(catalog: Catalog, name: str, one: Framed, yields: str, types: Mapping[str, Annotation], *, ours: bool) -> str:
    """Return the module of a step: of a new kind of artifact with its type, and a first, empty one."""
    arguments = {handle: types.get(handle, ANYTHING) for handle in handles(catalog, one.needs)}
    handle = handle_of(catalog, yields)
    lines = [f'"""{title(name)}."""', "", "from __future__ import annotations", ""]
    doc = '    """To be written: how the artifact is made, and by which source."""'
    if yields in catalog.terms or handle in types:
        made = types.get(handle, ANYTHING)
        imports = import_lines([*arguments.values(), made, Annotation("AttackError", HANDLES)], ours)
        lines += [*imports, "", "", *signature("make", arguments, made.name), doc]
        return joined([*lines, f'    raise AttackError("{name} is not written yet")'])
    made = Annotation("".join(part.capitalize() for part in handle.split("_")), "")
    lines += ["from dataclasses import dataclass", "", *import_lines([*arguments.values(), ARRAY, NUMPY], ours), "", ""]
    lines += ["@dataclass(frozen=True)", f"class {made.name}:"]
    lines += ['    """To be written: what it is. `values` is float64 of shape (n,), one for each candidate."""', ""]
    lines += ["    values: NDArray[np.float64]", "", "", *signature("make", arguments, made.name), doc]
    lines += ["    # To be replaced: nothing is made so far.", f"    return {made.name}(np.zeros(len({CANDIDATES})))"]
    return joined(lines)


def data_code(name: str, *, ours: bool) -> str:
    """Return the module of a target's data set: random numbers, until there are records."""
    data = Annotation("Data", "attacks.targets.data"), Annotation("deduplicated", "attacks.targets.data")
    imports = "\n".join(import_lines([*data, NUMPY], ours))
    return f'''"""The data set of {name}."""

from __future__ import annotations

{imports}


def load() -> Data:
    """Return records x float32 (n, features) and labels y int64 (n,), from 0 on without gaps, no record twice."""
    # To be replaced by records: so far random numbers around a centre for each of four classes.
    random = np.random.default_rng(0)
    y = random.integers(4, size=3000)
    centre = random.normal(size=(4, 20))
    return deduplicated("{name}", centre[y] + random.normal(size=(len(y), 20)), y)
'''


def signature(function: str, arguments: Mapping[str, Annotation], returned: str) -> list[str]:
    """Return the line that begins a function, or the lines where it is long."""
    said = [f"{name}: {one.name}" for name, one in arguments.items()]
    line = f"def {function}({', '.join(said)}) -> {returned}:"
    if len(line) <= WIDTH:
        return [line]
    inside = "    " + ", ".join(said)
    inner = [inside] if len(inside) <= WIDTH else [f"    {one}," for one in said]
    return [f"def {function}(", *inner, f") -> {returned}:"]


def import_lines(types: Iterable[Annotation], ours: bool) -> list[str]:
    """Return the imports of types as ruff sorts them; in this repository those of ours stand by themselves."""
    found: dict[str, set[str]] = {}
    for one in types:
        if one is not ANYTHING:
            found.setdefault(one.module, set()).add(one.name)
    plain = [f"import {name}" for name in sorted(found.pop("", ()))]
    groups: list[list[str]] = [plain, []]
    for module in sorted(found):
        line = f"from {module} import {', '.join(sorted(found[module], key=_as_ruff))}"
        if len(line) > WIDTH:
            line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in sorted(found[module], key=_as_ruff)) + ")"
        groups[ours and module.split(".")[0] == "attacks"].append(line)
    return "\n\n".join("\n".join(group) for group in groups if group).splitlines()


def _as_ruff(name: str) -> tuple[bool, str]:
    return name[0].islower(), name
