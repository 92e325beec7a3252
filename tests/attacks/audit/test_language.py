"""Audits of language models: a small one shaped like GPT-2, tuned until it knows its texts; figures worked out by hand."""

from __future__ import annotations

import json
import shutil
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
import tuned

transformers = pytest.importorskip("transformers")
pytestmark = [pytest.mark.slow, pytest.mark.debian("dict-jargon")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with the files of an audit, trained once."""
    folder = tmp_path_factory.mktemp("tuned")
    tuned.write(folder)
    return folder


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    """A copy of them, in which a test may change things."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def change(folder: Path, old: str, new: str) -> None:
    text = (folder / "audit.yaml").read_text()
    assert old in text
    (folder / "audit.yaml").write_text(text.replace(old, new))


def candidates(folder: Path) -> list[str]:
    lines = [(folder / f"{name}.jsonl").read_text().splitlines() for name in ("train", "holdout")]
    return [json.loads(line)["text"] for line in [*lines[0], *lines[1]]]


def by_hand(folder: Path, name: str) -> list[torch.Tensor]:
    """Return the log-probabilities of every token at each place of each text, text by text."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / name).eval()
    made = transformers.AutoTokenizer.from_pretrained(folder / name)
    found = []
    for text in candidates(folder):
        codes = torch.tensor([[0, *made(text)["input_ids"]]])[:, : tuned.POSITIONS]
        with torch.no_grad():
            scores = torch.log_softmax(model(codes).logits[0, :-1].double(), dim=-1)
        found.append((scores, codes[0, 1:]))
    return found


def own(found: list) -> list[np.ndarray]:
    return [scores.gather(1, codes[:, None])[:, 0].numpy() for scores, codes in found]


def test_every_attack_on_language_models_is_run_and_its_figures_are_what_anybody_works_out(folder, mia_json):
    change(folder, "folder: tuned}", "folder: tuned, base: base}")
    found = mia_json("audit", "audit.yaml", "--out", "out", "--set", "kaneko-2024-samia.samples=1")
    (threat,) = found["threat_models"]
    results = {result["attack"]: result for result in threat["results"]}
    assert threat["failures"] == [] and results.keys() == {
        "carlini-2021-perplexity",
        "carlini-2021-zlib",
        "chen-2026-wbc",
        "ilic-2026-ez",
        "kaneko-2024-samia",
        "mireshghallah-2022-likelihood-ratio",
        "shi-2024-min-k",
        "tirumala-2022-memorised-symbols",
        "zhang-2025-min-k-plus-plus",
    }
    assert all(results[name]["auc"] > 0.8 for name in ("carlini-2021-perplexity", "mireshghallah-2022-likelihood-ratio"))
    scored = by_hand(folder, "tuned")
    of_model, of_base = own(scored), own(by_hand(folder, "base"))
    sizes = [len(zlib.compress(text.encode())) for text in candidates(folder)]
    lowest = [np.sort(one)[: max(1, int(len(one) * 0.2))].mean() for one in of_model]
    standardised, zone = [], []
    for (scores, codes), other in zip(scored, of_base, strict=True):
        moved = (scores.gather(1, codes[:, None])[:, 0].numpy() - other)[(scores.argmax(dim=1) != codes).numpy()]
        zone.append(moved.clip(min=0).sum() / np.abs(moved).sum() if len(moved) else 1.0)
    for scores, codes in scored:
        mean = (scores.exp() * scores).sum(dim=1)
        spread = ((scores.exp() * scores.square()).sum(dim=1) - mean.square()).sqrt()
        one = ((scores.gather(1, codes[:, None])[:, 0] - mean) / spread).numpy()
        standardised.append(np.sort(one)[: max(1, int(len(one) * 0.2))].mean())
    expected = {
        "carlini-2021-perplexity": [one.mean() for one in of_model],
        "ilic-2026-ez": zone,
        "carlini-2021-zlib": [one.mean() / size for one, size in zip(of_model, sizes, strict=True)],
        "mireshghallah-2022-likelihood-ratio": [(one - other).mean() for one, other in zip(of_model, of_base, strict=True)],
        "shi-2024-min-k": lowest,
        "zhang-2025-min-k-plus-plus": standardised,
    }
    with np.load(folder / "out" / "scores.npz") as scores:
        for name, worked_out in expected.items():
            assert np.allclose(scores[name], worked_out, rtol=1e-3, atol=1e-4), name
        assert scores["id"][0] == "train-0"
    said = {check["code"]: check["message"] for check in found["checks"]}
    perplexity = np.exp(-np.mean([one.mean() for one in of_model[: tuned.COUNT]]))
    assert float(said["generalisation"].split("perplexity is ")[1].split()[0]) == pytest.approx(perplexity, rel=1e-3)


def test_other_text_serves_as_what_stands_before_a_record_and_as_what_owners_of_sets_kept_back(folder, mia_json):
    with (folder / "audit.yaml").open("a") as file:
        file.write("population: {file: others.jsonl, id: entry}\nsets: {size: 10}\n")
        file.write("attacks: [maini-2024-llm-dataset-inference, xie-2024-recall, zhang-2024-dc-pdd]\n")
    found = mia_json("audit", "audit.yaml", "--out", "out", "--set", "xie-2024-recall.symbols=10")
    (threat,) = found["threat_models"]
    results = {result["attack"]: result for result in threat["results"]}
    assert threat["failures"] == [] and len(results) == 3 and found["valid"]
    sets = results["maini-2024-llm-dataset-inference"]["metric"]
    assert sets["value"] == 1.0 and sets["details"]["accused"] == 0.0, (
        "two sets of ten that it knows by heart, two that it does not"
    )
    made = transformers.AutoTokenizer.from_pretrained(folder / "tuned")
    others = [json.loads(line)["text"] for line in (folder / "others.jsonl").read_text().splitlines()]
    counts = np.bincount(np.concatenate([made(text)["input_ids"] for text in others]))
    expected, scored = [], by_hand(folder, "tuned")
    for own_scores, (_, text) in zip(own(scored), scored, strict=True):
        codes, first = np.unique(text.numpy(), return_index=True)
        seen = np.array([counts[code] if code < len(counts) else 0 for code in codes])
        rarity = np.log((counts.sum() + len(counts)) / (seen + 1))
        expected.append(np.minimum(np.exp(own_scores[first]) * rarity, 0.01).mean())
    with np.load(folder / "out" / "scores.npz") as scores:
        assert np.allclose(scores["zhang-2024-dc-pdd"], expected, rtol=1e-3)
    too_long = mia_json("audit", "audit.yaml", "--out", "again", "--set", "xie-2024-recall.symbols=60")
    (threat,) = too_long["threat_models"]
    assert "looks at no more than 79 tokens" in next(one for one in threat["left_out"] if "recall" in one)


def test_a_user_of_a_service_has_no_more_than_likelihoods(folder, mia_json):
    change(folder, "folder: tuned}", "folder: tuned, base: base}\nthreat_models: [language-model-api, chat-api-text-only]")
    change(folder, "chat-api-text-only]", "chat-api-text-only, fine-tuned-model-api, fine-tuned-chat-api-own-tokens]")
    planned = mia_json("audit", "audit.yaml", "--dry-run")["threat_models"]
    attacks = [{one["id"] for one in threat["attacks"]} for threat in planned]
    assert attacks[0] == {"carlini-2021-perplexity", "carlini-2021-zlib", "shi-2024-min-k"}
    assert attacks[1] == {"kaneko-2024-samia", "tirumala-2022-memorised-symbols"}
    assert attacks[2] == attacks[0] | {"chen-2026-wbc", "ilic-2026-ez", "mireshghallah-2022-likelihood-ratio"}
    assert attacks[3] == attacks[1] | attacks[2], "text is written too, and likelihoods can be pieced together"


def test_texts_stand_in_tables_and_in_lines_too(folder, mia_json):
    with (folder / "audit.yaml").open("a") as file:
        file.write("attacks: [carlini-2021-perplexity]\n")
    auc = [mia_json("audit", "audit.yaml", "--out", "one")["threat_models"][0]["results"][0]["auc"]]
    texts = candidates(folder)
    for name, part in (("train", texts[: tuned.COUNT]), ("holdout", texts[tuned.COUNT :])):
        (folder / f"{name}.txt").write_text("\n".join(part) + "\n")
        quoted = ['"' + text.replace('"', '""') + '"' for text in part]
        (folder / f"{name}.csv").write_text("\n".join(["words", *quoted]) + "\n")
    change(folder, ".jsonl, id: entry", ".txt")
    auc.append(mia_json("audit", "audit.yaml", "--out", "two")["threat_models"][0]["results"][0]["auc"])
    change(folder, ".txt", ".csv, text: words")
    auc.append(mia_json("audit", "audit.yaml", "--out", "three")["threat_models"][0]["results"][0]["auc"])
    assert auc[0] == auc[1] == auc[2]


def test_text_is_written_as_the_model_writes_it(folder):
    from attacks.audit.kinds import causal

    model = causal.load(folder / "tuned", "model")
    prompts = torch.tensor(model.tokens(candidates(folder)[:1]))[:, :5].float()
    written, log_probs = model.continued(prompts, 6, None)
    asked = torch.cat([torch.zeros(1, 1), prompts], dim=1).long()
    again = transformers.AutoModelForCausalLM.from_pretrained(folder / "tuned").eval()
    whole = again.generate(asked, max_new_tokens=6, min_new_tokens=6, do_sample=False, attention_mask=torch.ones_like(asked))
    assert written[0].tolist() == whole[0, -6:].tolist()
    assert torch.allclose(log_probs, model.likelihood(torch.cat([prompts, written], dim=1))[:, -6:], atol=1e-4)


def test_a_base_with_other_tokens_is_refused(folder, mia):
    tuned.tokenizer(["quite other words, xyzzy plugh"] * 50).save_pretrained(folder / "base")
    change(folder, "folder: tuned}", "folder: tuned, base: base}")
    done = mia("audit", "audit.yaml")
    assert done.returncode == 2 and "the tokenizer of base cuts texts otherwise than that of tuned" in done.stderr
