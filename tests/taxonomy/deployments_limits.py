"""Deployments in which limits, withdrawals, masks or a proven guarantee decide."""

from __future__ import annotations

from deployment import Deployment


def black_box(*knows: str) -> list[str]:
    """Return the flags of a black-box adversary of a discriminative model."""
    return ["--observation", "black-box", "--model", "discriminative", *(f"--knows={term}" for term in knows)]


DEPLOYMENTS = [
    Deployment(
        "label API with a rate limit of 100 calls",
        [*black_box("Q.labels", "record.label"), "--queries", "100"],
        source="free tiers of classification services",
        feasible=("yeom-2018-gap",),
        infeasible=("li-2021-boundary", "choquettechoo-2021-boundary", "choquettechoo-2021-noise", "yeom-2018-loss"),
        harden_first=("Q.labels",),
        why="One call a record is enough to see an error, and a distance to the boundary takes thousands.",
    ),
    Deployment(
        "label API with 60,000 calls a month",
        [*black_box("Q.labels", "record.label"), "--queries", "60000"],
        source="paid tiers of classification services",
        feasible=("yeom-2018-gap", "li-2021-boundary"),
        why="A search for the boundary of a record, and for its threshold on random inputs, fits into 51,000 calls.",
    ),
    Deployment(
        "score API with 10,000 calls and no data",
        [*black_box("Q.scores", "record.label"), "--queries", "10000"],
        source="price lists of prediction services",
        feasible=("yeom-2018-loss", "yeom-2018-gap"),
        infeasible=("shokri-2017", "fredrikson-2015"),
        why="Who has no data must make shadow data up, for which the hill climb asks the service tens of thousands of times.",
    ),
    Deployment(
        "score API, adversary that can train four models",
        [*black_box("Q.scores", "D1.samples", "M2", "record.label"), "--models", "4"],
        source="a laptop for a weekend",
        feasible=("zarifzadeh-2024-rmia", "zarifzadeh-2024-rmia-offline", "carlini-2022-lira", "shokri-2017", "yeom-2018-loss"),
        infeasible=("truex-2019",),
        why="Calibrated attacks stand on one model with and one without each record, only weaker; RMIA was made for so few.",
    ),
    Deployment(
        "score API, adversary that cannot train",
        [*black_box("Q.scores", "D1.samples", "M2", "record.label"), "--models", "0"],
        source="a user with a script and no machine to train on",
        feasible=("yeom-2018-loss", "bertran-2023-quantile", "ye-2022-attack-p"),
        infeasible=("carlini-2022-lira-offline", "ml-leaks-1"),
        why="A threshold on losses of fresh records needs no shadow model.",
    ),
    Deployment(
        "open weights, no call to anybody",
        ["--threat-model", "open-weights-model", "--queries", "0"],
        source="model hubs",
        feasible=("yeom-2018-loss", "yeom-2018-gap", "li-2021-boundary", "carlini-2022-gradient-norm"),
        inapplicable=("gan-leaks-1", "homer-2008"),
        why="Who holds the weights asks at home, as often as it likes.",
    ),
    Deployment(
        "API of a model trained with DP-SGD",
        [*black_box("Q.scores", "D1.samples", "record.label"), "--guarantee", "8,1e-5,record"],
        source="model cards that state epsilon and delta",
        feasible=("yeom-2018-loss", "shokri-2017"),
        harden_first=("Q.scores",),
        why="A guarantee bounds what an attack finds out and stops none; what an owner can still do is to answer more poorly.",
    ),
    Deployment(
        "language model trained with privacy of users",
        ["--threat-model", "language-model-api", "--guarantee", "3,1e-6,user"],
        source="federated keyboards, as their operators describe the final model",
        feasible=("carlini-2021-perplexity", "shi-2024-min-k"),
        harden_first=("Q.likelihood",),
        why="What protects all that a user wrote protects each of the user's records too, and is a bound, no wall.",
    ),
    Deployment(
        "what to withdraw of an open diffusion model",
        ["--threat-model", "open-diffusion-model"],
        source="releases of image generators",
        feasible=("kong-2024-pia", "duan-2023-secmi", "gan-leaks-3"),
        inapplicable=("yeom-2018-loss",),
        harden_first=("M1.denoiser",),
        why="All that the adversary can do, it does with the network; similar pictures are its own to keep.",
    ),
    Deployment(
        "what to withdraw of an open generator",
        ["--threat-model", "open-generator"],
        source="model hubs",
        feasible=("gan-leaks-3", "gan-leaks-1"),
        harden_first=("M1.generator",),
        why="Samples and latent codes follow from the generator, and go with it.",
    ),
    Deployment(
        "tagging API with its top answers",
        [*black_box("Q.top-k", "D1.samples", "record.label")],
        source="API references of image recognition services",
        feasible=("ml-leaks-3", "ml-leaks-1", "yeom-2018-gap"),
        harden_first=("Q.top-k",),
        why="The highest score gives members away; an owner can still leave labels in its place.",
    ),
    Deployment(
        "server of a federation",
        ["--threat-model", "honest-but-curious-server"],
        source="cross-silo federations of hospitals",
        feasible=("nasr-2019-passive-server", "yeom-2018-loss"),
        inapplicable=("gan-leaks-1",),
        harden_first=("server",),
        why="Uploads, rounds and the recipe are seen by whoever is the server, and go with the role.",
    ),
    Deployment(
        "synthetic table of 5,000 rows",
        ["--threat-model", "published-gan-samples", "--rows", "5000"],
        source="statistical offices that publish synthetic microdata",
        feasible=("gan-leaks-1", "vanbreugel-2023-domias"),
        infeasible=("hilprecht-2019-monte-carlo", "gan-leaks-2"),
        why="A file has the rows that it has: the nearest of 5,000 can be found, and 300,000 cannot be drawn.",
    ),
    Deployment(
        "synthetic table of a million rows",
        ["--threat-model", "published-gan-samples", "--rows", "1000000"],
        source="synthetic census and claims data",
        feasible=("gan-leaks-1", "hilprecht-2019-monte-carlo", "vanbreugel-2023-domias"),
        why="There are more rows than any of the attacks looks at.",
    ),
    Deployment(
        "diffusion service with ten calls",
        ["--threat-model", "hosted-denoiser", "--queries", "10"],
        source="trial keys of image generation services",
        feasible=("kong-2024-pia",),
        infeasible=("duan-2023-secmi", "matsumoto-2023-loss"),
        why="PIA asks twice a record, SecMI eleven times, and the mean loss at one step sixteen times.",
    ),
    Deployment(
        "audit on a budget of two models",
        ["--threat-model", "model-owner-audit", "--models", "2"],
        source="teams that audit before release",
        feasible=("zarifzadeh-2024-rmia", "carlini-2022-lira", "yeom-2018-loss", "choquettechoo-2021-boundary"),
        infeasible=("long-2017-dtp",),
        why="Two shadow models are one with and one without each record, which is the least that a ratio takes.",
    ),
]
