"""`mia new` writes what `mia check` accepts at once, in a catalog of one's own and in this repository, or nothing at all."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fixture
import pytest
import torch

from attacks.cli import completions
from attacks.cli.skeletons import BODIES, attack_code, body_of
from attacks.targets import classifier
from attacks.targets.data import Data
from taxonomy import skeletons
from taxonomy.check import check
from taxonomy.findings import InputError
from taxonomy.loading import load

ROOT = Path(__file__).parents[3]
TINY = ROOT / "tests" / "data" / "tiny"
OWN = ("--catalog", "my-catalog", "--code", "my-code")
TRUSTED = ("--catalog", "my-catalog", "--trust-code", "my-code")
# Needs, what is put into them, and what the skeleton says: observation, frame and target.
NEEDS = {
    "loss": ("Q.scores,record.label", ["discriminative"], "black-box", "stand-alone", "digits-mlp"),
    "shadows": ("Q.scores,record.label,shadow-models.matched", ["discriminative"], "black-box", "stand-alone", "digits-mlp"),
    "white": ("discriminative,M1.parameters,M2.architecture,record.label", [], "white-box", "stand-alone", "digits-mlp"),
    "value": ("Q.value,record.label", ["discriminative"], "black-box", "stand-alone", "diabetes-mlp"),
    "samples": ("Q.samples", ["generative"], "black-box", "stand-alone", "rand-vae"),
    "text": ("Q.likelihood", ["generative"], "black-box", "stand-alone", "jargon-gru"),
    "rounds": ("M1.rounds", ["discriminative", "federated"], "white-box", "federated", "genomes-federated-server"),
    "active": ("participant,active", ["discriminative", "federated"], "black-box", "federated", "genomes-federated"),
    "counts": ("Q.aggregates,D1.samples", ["aggregate"], "black-box", "stand-alone", "flights-group-25"),
}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def own_findings(folder: Path) -> list[str]:
    """What is wrong with the catalog and is not this repository's stale evidence."""
    found = check([folder / "my-catalog"], [folder / "my-code"])[1]
    return [str(f) for f in found if not (f.code == "MIA028" and f.file.endswith(".json"))]


# -- a catalog of one's own


@pytest.mark.slow
def test_attacks_pass_check_at_once(mia_json, mia, tmp_path):
    """An attack for each model type, frame and observation, all in one catalog; the loss is run, and finds members."""
    for name, (needs, added, observation, frame, target) in NEEDS.items():
        data = mia_json("new", "attack", f"doe-2027-{name}", "--needs", needs, *OWN)
        assert data["added_needs"] == added, name
        assert f"mia check {' '.join(TRUSTED)}" in data["next"]
        entry = load([tmp_path / "my-catalog"]).attacks[f"doe-2027-{name}"]
        (setting,) = entry.published
        assert (setting.observation, setting.frame, entry.targets.others) == (observation, frame, [target]), name
        assert setting.source == "memory" and (entry.cites, entry.year) == (["doe2027"], 2027)
    assert own_findings(tmp_path) == []
    assert mia("check", *TRUSTED).returncode == 0
    code = {path.stem: path.read_text() for path in (tmp_path / "my-code").glob("*.py")}
    signature = "def infer(records: Records, scores: ScoreOracle, shadow_models: ShadowModels) -> Tensor:"
    assert signature in code["doe_2027_shadows"].splitlines()
    assert not [name for name, text in code.items() if ": object" in text], "the type of every handle is known"
    assert (tmp_path / "my-catalog" / "references.bib").read_text().count("@misc{doe2027,") == 1, "one work, one stub"
    run = ("run", "doe-2027-loss", "--target", "tiny", "--catalog", TINY, *TRUSTED)
    (result,) = mia_json(*run)["results"]
    assert result["auc"] > 0.6 and result["queries"] == 240


@pytest.mark.slow
def test_needs_of_every_attack_give_a_skeleton_or_say_which_target_lacks_what(catalog):
    """What is feasible for the attacks that are there is found for a new one that needs the same."""
    refused = {}
    for entry in catalog.attacks.values():
        try:
            found = skeletons.attack(catalog, "doe-2027-example", entry.needs)
            assert set(entry.needs) == set(found.framed.needs) and found.target and found.null
        except InputError as error:
            refused[entry.id] = str(error)
    assert all("lacks" in message for message in refused.values())
    assert {catalog.attacks[name].goal for name in refused if catalog.attacks[name].run} & {"membership"} == set()


@pytest.mark.parametrize("needs", [*(sorted(body[0]) for body in BODIES), ["Q.embeddings"]], ids="+".join)
def test_a_first_score_is_float64_of_each_record(catalog, needs):
    space: dict[str, Any] = {}
    exec(attack_code(catalog, "doe-2027-example", needs, {}, body_of(needs), ours=False), space)  # noqa: S102
    score = space["infer"](**fixture.handles(inspect.getfullargspec(space["infer"]).args))
    assert score.dtype == torch.float64 and score.shape == (fixture.RECORDS,)
    assert (score.unique().numel() == 1) is (needs == ["Q.embeddings"]), "where nothing simple is known, it is chance"


@pytest.mark.slow
def test_a_step_with_a_new_term_and_an_attack_that_needs_it(mia, tmp_path):
    done = mia("new", "step", "rare", "--needs", "D1.samples,Q.scores", "--yields", "rare-pool", *OWN)
    assert done.returncode == 0 and "my-catalog/taxonomy.yaml" in done.stdout
    assert mia("new", "attack", "doe-2027-rare", "--needs", "Q.scores,rare-pool", *OWN).returncode == 0
    assert own_findings(tmp_path) == []
    loaded = load([tmp_path / "my-catalog"])
    term = loaded.terms["rare-pool"]
    assert (term.aspect, term.handle, term.models) == ("artifact", "rare_pool", ["discriminative"])
    assert "from rare import RarePool" in (tmp_path / "my-code" / "doe_2027_rare.py").read_text()
    assert loaded.attacks["doe-2027-rare"].published[0].knows == ["Q.scores", "D1.samples"]
    assert "doe-2027-rare" in mia("run", "doe-2027-rare", "--dry-run", *TRUSTED).stdout


@pytest.mark.slow
def test_a_finer_grade_of_an_artifact_is_of_its_type(mia, tmp_path):
    assert mia("new", "step", "rare", "--needs", "D1.samples", "--yields", "rare-pool", *OWN).returncode == 0
    assert mia("new", "step", "rarer", "--needs", "D1.samples,M3", "--yields", "rare-pool.best", *OWN).returncode == 0
    assert own_findings(tmp_path) == []
    assert "from rare import RarePool" in (tmp_path / "my-code" / "rarer.py").read_text()
    terms = [term for term in load([tmp_path / "my-catalog"]).terms.values() if term.id.startswith("rare-pool")]
    assert [term.handle for term in terms] == ["rare_pool"] * 2


@pytest.mark.slow
def test_a_step_to_an_artifact_that_is_there_takes_part_in_runs_once_it_is_written(mia, tmp_path):
    needs = ("--needs", "D1.samples,M3", "--yields", "shadow-models.matched")
    assert mia("new", "step", "more-shadows", *needs, *OWN).returncode == 0
    assert own_findings(tmp_path) == [], "no evidence is stale for a step that is not written"
    entry = tmp_path / "my-catalog" / "steps" / "more-shadows.yaml"
    entry.write_text(entry.read_text().replace("# run:", "run:"))
    assert [f for f in own_findings(tmp_path) if "MIA028" not in f] == []
    code = (tmp_path / "my-code" / "more_shadows.py").read_text()
    assert "platform: Platform" in code and "-> ShadowModels" in code and "not written yet" in code


def test_a_target_and_its_control(mia, tmp_path, monkeypatch):
    offers = "Q.scores,record.label,D1.samples,M2,D2.members"
    assert mia("new", "target", "my-records", "--needs", offers, *OWN).returncode == 0
    assert own_findings(tmp_path) == []
    targets = load([tmp_path / "my-catalog"]).targets
    assert targets["my-records-null"].control and not targets["my-records"].control
    monkeypatch.syspath_prepend(tmp_path / "my-code")
    from my_records import load as data

    assert isinstance(data(), Data) and data().classes == 4
    monkeypatch.setattr(classifier.datasets, "load", lambda name: data())
    for name in ("my-records", "my-records-null"):
        made = classifier.build(**{**targets[name].params, "epochs": 1})
        assert set(offers.split(",")) - {"record.label"} <= set(made.makers) and made.member.sum() == 300


def test_a_defense(mia, tmp_path):
    assert mia("new", "defense", "doe-2027-mask", "--needs", "Q.scores", "--catalog", "my-catalog").returncode == 0
    assert mia("new", "defense", "calmer-training", "--catalog", "my-catalog").returncode == 0
    (tmp_path / "my-code").mkdir()
    assert own_findings(tmp_path) == []
    defenses = load([tmp_path / "my-catalog"]).defenses
    assert defenses["doe-2027-mask"].withdraws == ["Q.scores"] and defenses["doe-2027-mask"].changes == "answers"
    assert defenses["calmer-training"].changes == "training" and defenses["calmer-training"].cites == []
    assert {one.run for one in defenses.values() if one.id in ("doe-2027-mask", "calmer-training")} == {None}
    assert "# run: doe_2027_mask:function" in (tmp_path / "my-catalog" / "defenses" / "doe-2027-mask.yaml").read_text()


# What a defense takes away, and of its entry and function what it changes, what is left of that, and the first line.
DEFENSES = {
    "scores": ("Q.scores,Q.top-k", "answers", {"Q.scores": "Q.labels"}, "def show(log_probs: Tensor) -> Tensor:"),
    "counts": (
        "Q.aggregates",
        "answers",
        {"Q.aggregates": "Q.noisy-aggregates"},
        "def show(statistics: Tensor, size: int) -> Tensor:",
    ),
    "weights": ("M1.parameters", "channel", {}, "def compute(x: Tensor, owner: Owner) -> Tensor:"),
    "uploads": ("M1.updates", "channel", {}, "def add_up(uploads: list[dict[str, Tensor]]) -> dict[str, Tensor]:"),
    "training": (None, "training", {}, "def train(recipe: Recipe, data: TrainingSet) -> nn.Module:"),
    "gradients": ("differentiable", "training", {}, "def train(recipe: Recipe, data: TrainingSet) -> nn.Module:"),
}


@pytest.mark.parametrize("name", DEFENSES)
def test_a_defense_with_code_runs_as_it_stands(mia, mia_json, tmp_path, name):
    needs, changes, replaces, signature = DEFENSES[name]
    data = mia_json("new", "defense", f"begun-{name}", *(["--needs", needs] if needs else []), *OWN)
    assert own_findings(tmp_path) == []
    entry = load([tmp_path / "my-catalog"]).defenses[f"begun-{name}"]
    assert (entry.changes, entry.replaces) == (changes, replaces)
    assert {*entry.withdraws, *entry.replaces} == {*(needs or "").split(",")} - {""}
    code = (tmp_path / "my-code" / f"begun_{name}.py").read_text()
    assert signature in code and "To be replaced: so far" in code
    (tried,) = (command for command in data["next"] if command.startswith("mia run"))
    assert "Dry run: nothing was run." in mia(*tried.split()[1:]).stdout


@pytest.mark.slow
def test_a_mask_that_was_just_begun_leaves_the_label(mia, mia_json):
    assert mia("new", "defense", "mine", "--needs", "Q.scores", *OWN).returncode == 0
    run = ("run", "yeom-2018-gap", "--target", "tiny", "--catalog", TINY, *TRUSTED)
    plain, masked = (mia_json(*run, *more)["results"][0]["auc"] for more in ((), ("--defense", "mine")))
    assert plain == masked
    refused = mia(*run, "yeom-2018-loss", "--defense", "mine")
    assert refused.returncode == 2 and "mine takes Q.scores and Q.top-k away" in refused.stderr


@pytest.mark.slow
def test_what_a_user_wrote_stays(mia, tmp_path):
    """Works and terms are added to files that are there, without a change to what they say, and to how it is written."""
    folder = tmp_path / "my-catalog"
    folder.mkdir()
    works = "% mine\n@misc{roe2020, title={Mine}}"
    terms = (
        "# Mine.\nschema: 1\nterms:\n- id: my-pool  # first\n  title: x\n  aspect: artifact\n  definition: x\n\n"
        "# After.\nimplications:\n- {needs: [D1.samples], yields: my-pool, because: x}\n"
    )
    (folder / "references.bib").write_text(works)
    (folder / "taxonomy.yaml").write_text(terms)
    assert mia("new", "step", "roe-2020-step", "--needs", "D1.samples", "--yields", "other-pool", *OWN).returncode == 0
    assert mia("new", "attack", "roe-2021-attack", "--needs", "Q.scores", *OWN).returncode == 0
    assert (folder / "references.bib").read_text().startswith(works + "\n@misc{roe2021,")
    before, after = terms.split("\n\n# After.")
    found = (folder / "taxonomy.yaml").read_text()
    assert found.startswith(before + "\n- id: other-pool\n") and found.endswith("\n\n# After." + after)
    assert own_findings(tmp_path) == []


# -- this repository


@pytest.fixture
def checkout(tmp_path):
    """A copy of this repository's code and catalog, and a command that runs in it."""
    for folder in ("attacks", "taxonomy", "catalog"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "evidence"))
    shutil.copytree(ROOT / "attacks" / "evidence", tmp_path / "attacks" / "evidence", dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def run(*commands: tuple[str, ...]) -> str:
        program = (
            "import sys\nfrom attacks.cli.commands import app\n"
            f"for sys.argv in {[['mia', *command] for command in commands]!r}:\n"
            "    try: app()\n    except SystemExit as end: assert not end.code, (sys.argv, end.code)\n"
        )
        kept = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "MIA_STORE": str(tmp_path / "cache" / "store")}
        settings = {**os.environ, "PYTHONPATH": str(tmp_path), **kept}
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return tmp_path, run


@pytest.mark.slow
def test_in_this_repository_everything_has_its_room(checkout):
    folder, run = checkout
    before = files(folder)
    printed = run(
        ("new", "attack", "doe-2027-loss", "--needs", "Q.scores,record.label"),
        ("new", "attack", "doe-2027-rounds", "--needs", "M1.rounds"),
        ("new", "attack", "doe-2027-latent", "--needs", "Q.latent"),
        ("new", "attack", "doe-2027-counts", "--needs", "Q.aggregates"),
        ("new", "step", "rare-data", "--needs", "D1.samples", "--yields", "shadow-data.rare"),
        ("new", "target", "my-records", "--needs", "Q.scores,record.label,D1.samples"),
        ("new", "defense", "doe-2027-mask", "--needs", "Q.scores"),
        ("check",),
        ("run", "doe-2027-loss", "--target", "my-records", "--out", "cache/out"),
    )
    assert "0 errors, 0 warnings" in printed and "Written to cache/out" in printed
    after = {name: text for name, text in files(folder).items() if "__pycache__" not in name and not name.startswith("cache/")}
    assert sorted(set(after) - set(before)) == [
        "attacks/aggregate/doe_2027_counts.py",
        "attacks/discriminative/doe_2027_loss.py",
        "attacks/federated/doe_2027_rounds.py",
        "attacks/generative/doe_2027_latent.py",
        "attacks/steps/rare_data.py",
        "attacks/targets/data/my_records.py",
        *(f"catalog/attacks/doe-2027-{name}.yaml" for name in ("counts", "latent", "loss", "rounds")),
        "catalog/defenses/doe-2027-mask.yaml",
        "catalog/steps/rare-data.yaml",
        "catalog/targets/my-records-null.yaml",
        "catalog/targets/my-records.yaml",
    ]
    assert {name for name in before if before[name] != after[name]} == {"catalog/references.bib", "catalog/taxonomy.yaml"}
    entry = (folder / "catalog" / "attacks" / "doe-2027-loss.yaml").read_text()
    assert entry.startswith("# yaml-language-server: $schema=../schemas/attacks.json\nschema: 1\nid: doe-2027-loss\n")
    taxonomy = (folder / "catalog" / "taxonomy.yaml").read_text()
    assert taxonomy.index("id: shadow-data.pool") < taxonomy.index("id: shadow-data.rare") < taxonomy.index("id: stand-in-layers")


# -- what cannot be written

STEP = ("new", "step", "rare", "--needs", "D1.samples")
ATTACK = ("new", "attack", "doe-2027-example", "--needs")
REFUSED = {
    "unknown term": ((*ATTACK, "Q.scoers", *OWN), "unknown term 'Q.scoers': did you mean Q.scores?"),
    "no needs": ((*ATTACK[:3], *OWN), "say what it needs: --needs"),
    "bad id": (("new", "attack", "Doe_2027", "--needs", "Q.scores", *OWN), "no id: small letters and digits"),
    "long id": (("new", "attack", "a" * 61, "--needs", "Q.scores", *OWN), "at most 60"),
    "existing id": (("new", "attack", "shokri-2017", "--needs", "Q.scores", *OWN), "the id shokri-2017 is taken"),
    "id of a term": (("new", "attack", "federated", "--needs", "Q.scores", *OWN), "the id federated is taken"),
    "existing control": (("new", "target", "digits", "--needs", "Q.scores", *OWN), "the id digits-null is taken"),
    "existing file": (("new", "attack", "there", "--needs", "Q.scores", *OWN), "my-code/there.py is there already"),
    "a module of Python": (("new", "attack", "random", "--needs", "Q.scores", *OWN), "a module named random is there already"),
    "no --yields": ((*STEP, *OWN), "--yields TERM"),
    "yields no artifact": ((*STEP, "--yields", "Q.labels", *OWN), "Q.labels is none"),
    "yields a misspelt symbol": ((*STEP, "--yields", "Q.lables", *OWN), "unknown term 'Q.lables'"),
    "yields what it needs": ((*STEP, "--yields", "D1.samples", *OWN), "needs D1.samples, which it is to yield"),
    "yields the argument of another": ((*STEP, "--yields", "scores", *OWN), "the argument scores is that of Q.scores"),
    "a folder that is a file": ((*ATTACK, "Q.scores", "--catalog", "file", "--code", "my-code"), "file is no folder"),
    "unwritable": ((*ATTACK, "Q.scores", "--catalog", "my-catalog", "--code", "file/code"), "cannot be written"),
    "no place for code": ((*ATTACK, "Q.scores", "--catalog", "my-catalog"), "--code DIR"),
    "code without a catalog": ((*ATTACK, "Q.scores", "--code", "my-code"), "--code goes with --catalog"),
    "two model types": ((*ATTACK, "Q.scores,Q.samples", *OWN), "Q.scores is discriminative, Q.samples is generative"),
    "two frames": ((*ATTACK, "server,M1.snapshots", *OWN), "server is federated, M1.snapshots is stand-alone"),
    "no target": ((*ATTACK, "Q.scores,Q.value", *OWN), "no target of the catalog offers all of"),
    "one argument": ((*ATTACK, "shadow-models,shadow-models.matched", *OWN), "are one argument (shadow_models)"),
    "observation": ((*ATTACK, "black-box,Q.scores", *OWN), "no rule may need black-box"),
    "bare symbol": ((*ATTACK, "Q", *OWN), "a bare symbol: name a refinement"),
    "not of a classifier": (("new", "target", "t", "--needs", "Q.samples", *OWN), "does not offer Q.samples; "),
    "a defense that no function is": (("new", "defense", "d", "--needs", "Q.top-k", *OWN), "no function can take away Q.top-k"),
    "no label": (("new", "defense", "d", "--needs", "Q.scores,Q.labels", *OWN), "and always leaves the label"),
    "no grant": (("new", "defense", "d", "--needs", "shadow-models", *OWN), "shadow-models cannot be withdrawn"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written_is_one_message_and_leaves_nothing(mia, tmp_path, case):
    (tmp_path / "file").write_text("x")
    (tmp_path / "my-code").mkdir()
    (tmp_path / "my-code" / "there.py").write_text("mine = 1\n")
    before = files(tmp_path)
    command, message = REFUSED[case]
    done = mia(*command)
    assert done.returncode == 2 and done.stdout == "", done.stdout
    assert done.stderr.startswith("mia: ") and done.stderr.count("\n") == 1 and message in done.stderr, done.stderr
    assert files(tmp_path) == before and not (tmp_path / "my-catalog").exists()


def test_a_taxonomy_that_cannot_be_added_to_is_left_alone(mia, tmp_path):
    (tmp_path / "my-catalog").mkdir()
    text = "schema: 1\nterms: [{id: my-pool, title: x, aspect: artifact, definition: x}]\n"
    (tmp_path / "my-catalog" / "taxonomy.yaml").write_text(text)
    done = mia(*STEP, "--yields", "other-pool", *OWN)
    assert done.returncode == 2 and "in a form that cannot be added to" in done.stderr
    assert files(tmp_path) == {"my-catalog/taxonomy.yaml": text.encode()}


def test_a_full_disk_leaves_nothing(mia, tmp_path, monkeypatch):
    """The last of several files cannot be written: those before it are gone again, and an extended one is as it was."""
    assert mia(*ATTACK, "Q.scores", *OWN).returncode == 0
    before, opened = files(tmp_path), Path.open

    def full(path, mode="r", *more, **options):
        if path.name == "references.bib" and mode == "r+":
            raise OSError(28, "No space left on device")
        return opened(path, mode, *more, **options)

    monkeypatch.setattr(Path, "open", full)
    done = mia("new", "attack", "roe-2028-other", "--needs", "Q.labels", *OWN)
    assert done.returncode == 2 and "cannot be written (No space left on device); nothing was written" in done.stderr
    assert files(tmp_path) == before


def test_the_shell_completes_the_last_of_several_terms():
    offered = completions.listed_terms(SimpleNamespace(params={}), "Q.scores,record.l")
    assert [name for name, _ in offered] == ["Q.scores,record.label"]
