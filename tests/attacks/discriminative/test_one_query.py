"""YOQO and OSLO: where the one question is asked."""

from __future__ import annotations

import fixture
import pytest
import torch

from attacks.discriminative import one_query
from attacks.handles import AttackError, HostedModel, LabelOracle, Ledger, Records, ReferenceModels, ShadowModels


def asked(attack, name: str, **settings) -> tuple[torch.Tensor, torch.Tensor]:
    """The scores of an attack, and the only inputs that the target was asked about."""
    given, seen = fixture.handles(["records", "labels", name]), []

    def answer(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return torch.zeros(len(x), dtype=torch.int64)

    given["labels"] = LabelOracle("labels", answer, Ledger())
    found = attack(**given, **settings)
    (x,) = seen
    return found.score, x


def test_each_record_is_asked_about_once_and_the_label_is_the_score():
    for score, x in (
        asked(one_query.between_in_and_out, "shadow_models", steps=5),
        asked(one_query.just_across, "reference_models", rounds=2),
    ):
        assert x.shape == (fixture.RECORDS, 1)
        assert score.tolist() == (fixture.label() == 0).double().tolist()


def test_yoqo_lowers_the_loss_that_it_goes_down():
    models = fixture.handles(["shadow_models"])["shadow_models"]
    networks, inside, label = one_query._networks(models.models), models.trained_on, fixture.label()

    def within(x: torch.Tensor) -> torch.Tensor:
        losses = torch.stack([torch.nn.functional.cross_entropy(net(x.double()), label, reduction="none") for net in networks])
        return (losses * inside).sum(dim=0)

    _, stays = asked(one_query.between_in_and_out, "shadow_models", steps=0)
    assert stays.tolist() == fixture.handles(["records"])["records"].x.tolist()
    _, moved = asked(one_query.between_in_and_out, "shadow_models", alpha=0.0, step=0.01)
    assert within(moved).mean() < within(stays).mean()


def test_oslo_stops_as_soon_as_the_validation_models_are_fooled():
    models = fixture.handles(["reference_models"])["reference_models"]
    judges, label = one_query._networks(models.own.models)[-2:], fixture.label()
    x = fixture.handles(["records"])["records"].x

    def sure(at: torch.Tensor) -> torch.Tensor:
        mean = torch.stack([torch.softmax(net(at.double()), -1) for net in judges]).mean(dim=0)
        return mean[torch.arange(len(at)), label]

    _, moved = asked(one_query.just_across, "reference_models", confidence=0.3, rounds=5)
    fooled = sure(x) < 0.3
    assert fooled.any() and moved[fooled].tolist() == x[fooled].tolist()
    assert ((moved - x).abs() <= 2.0 + 1e-6).all()


def test_the_target_that_knows_a_record_holds_on_where_others_are_fooled(monkeypatch):
    """Two lines on which models change their minds at 1; the target does so there on non-members, and at 3 on members."""
    line = torch.nn.Linear(1, 2).double()
    with torch.no_grad():
        line.weight.copy_(torch.tensor([[-4.0], [4.0]]))
        line.bias.copy_(torch.tensor([4.0, -4.0]))
    monkeypatch.setattr(one_query, "_networks", lambda models: [line.requires_grad_(False)] * 4)
    monkeypatch.setattr(one_query, "CHUNK", 7)
    given = fixture.handles(["reference_models"])
    x = torch.linspace(-0.5, 0.5, fixture.RECORDS)[:, None]
    member = torch.from_numpy(fixture.member())
    records = Records(x, torch.zeros(fixture.RECORDS, dtype=torch.int64), fixture.IDS, Ledger())
    labels = LabelOracle("labels", lambda at: (at[:, 0] > torch.where(member, 3.0, 1.0)).long(), Ledger())
    found = one_query.just_across(records, labels, given["reference_models"], farthest=2.0, rounds=20)
    assert found.score.tolist() == member.double().tolist()


def test_models_that_show_no_weights_cannot_be_descended():
    models = fixture.handles(["shadow_models"])["shadow_models"]
    hosted = ShadowModels([HostedModel(model) for model in models.models], models.records, models.trained_on)
    given = fixture.handles(["records", "labels"])
    with pytest.raises(AttackError, match="shows no weights"):
        one_query.between_in_and_out(*given.values(), hosted)
    with pytest.raises(AttackError, match="at least two models"):
        one_query.just_across(*given.values(), ReferenceModels(models.first(1)))
