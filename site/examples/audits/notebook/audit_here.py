"""Cells of a notebook: a model that is at hand, and the audit in three lines."""

# %% A model and its records, which you would have already.
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestClassifier

x, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
y = (progression > 140).map({True: "fast", False: "slow"})
model = RandomForestClassifier(50, random_state=0).fit(x[:150], y[:150])
members, non_members, population = (x[:150], y[:150]), (x[150:300], y[150:300]), (x[300:], y[300:])

# %% The audit: in a notebook, `result` alone at the end of a cell shows a table.
from attacks import audit  # noqa: E402

result = audit.run(model=model, members=members, non_members=non_members, attacks=["yeom-2018-gap", "yeom-2018-loss"])
print(result)

# %% More records of the same source, and a function that trains as the model was trained, bring in LiRA, RMIA and their like.


def train(x, y, seed):
    """Return a forest as the audited one was grown."""
    return RandomForestClassifier(50, random_state=seed).fit(x, y)


stronger = audit.run(
    model=model,
    members=members,
    non_members=non_members,
    population=population,
    train=train,
    models=16,
    attacks=["yeom-2018-loss", "carlini-2022-lira", "zarifzadeh-2024-rmia"],
)
print(stronger.table())  # a data frame, one row an attack

# %% The same report as of `mia audit`.
stronger.report("notebook-audit")
