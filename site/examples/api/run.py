"""Run one attack, and see how well its scores tell members apart."""

from attacks.engine import plan
from attacks.engine.runner import Engine
from taxonomy.loading import load

catalog = load()
planned = plan.make(catalog, catalog.target("digits-mlp"), None, ["yeom-2018-loss"])
outcome = Engine(catalog).run(planned, seed=0)
print(outcome.results[0]["auc"], outcome.scores["yeom-2018-loss"].shape)
