"""Which attacks are measured on a defended target."""

from __future__ import annotations

from attacks.evidence.defense_places import Places
from taxonomy.loading import load


def test_where_answers_take_long_attacks_that_ask_much_are_left_out():
    catalog = load(())
    defense = catalog.defense("homomorphic-encryption")
    (place,) = Places(catalog).of(defense)
    (every,) = Places(catalog).of(defense.model_copy(update={"most_questions": {}}))
    measured, feasible = ({attack.id for attack in one.attacks} for one in (place, every))
    assert {"yeom-2018-loss", "carlini-2022-lira"} < measured < feasible
    assert {"li-2021-boundary", "jayaraman-2021-merlin"} <= feasible - measured


def test_answers_that_do_not_take_long_are_asked_for_without_end():
    catalog = load(())
    (place, *_) = Places(catalog).of(catalog.defense("memguard"))
    measured = {attack.id for attack in place.attacks}
    assert "li-2021-boundary" in measured, "no noise is made for a label"
    assert not {"jayaraman-2021-merlin", "jayaraman-2021-morgan"} & measured
