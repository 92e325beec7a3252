"""Settings with which the attacks that take minutes take seconds, where a test is not about how much they find."""

SEARCHES = {
    **{name: {"queries": "200"} for name in ("li-2021-boundary", "choquettechoo-2021-boundary", "choquettechoo-2021-combined")},
    **{name: {"queries": "20"} for name in ("choquettechoo-2021-noise", "rahimian-2020-sampling")},
    **{name: {"deep_steps": "1000"} for name in ("he-2019-collaborative", "he-2019-collaborative-query-free")},
}
SAMPLERS = {name: {"count": "3000"} for name in ("hilprecht-2019-monte-carlo", "hilprecht-2019-monte-carlo-features")}
WRITERS = {"tirumala-2022-memorised-symbols": {"symbols": "10"}, "kaneko-2024-samia": {"samples": "2"}}
LEARNERS = {
    **{
        name: {"epochs": "5"}
        for name in ("he-2020-segmentation", "shadow-models-dense", "ml-leaks-2", "shadow-models-another-data-set")
    },
    **{f"nasr-2019-{kind}": {"epochs": "10"} for kind in ("active", "active-server", "isolating", "isolating-ascent")},
    "bertran-2023-quantile": {"epochs": "5"},
    "peng-2024-oslo": {"rounds": "2"},
    "du-2026-imia": {"count": "2", "epochs": "4", "pivot_epochs": "2"},
    "du-2026-cmia": {"count": "4"},
    "wu-2024-yoqo": {"steps": "5"},
    **{name: {"distillation_epochs": "5", "epochs": "10"} for name in ("liu-2022-trajectory", "li-2024-seqmia")},
}
INVERSIONS = {name: {"steps": "100"} for name in ("he-2019-collaborative", "he-2019-collaborative-query-free")}
GENERATORS = {
    **{
        f"informed-{what}-from-{whom}": {"steps": "100"}
        for what in ("gan", "discriminator")
        for whom in ("known-members", "non-members")
    },
    "surrogate-gan-from-samples": {"steps": "100"},
    "sample-pool-by-queries": {"count": "2000"},
    **{name: {"samples": "2000", "queries": "50"} for name in ("gan-leaks-2", "gan-leaks-2-calibrated")},
    **{name: {"samples": "2000", "steps": "20"} for name in ("gan-leaks-3", "gan-leaks-3-calibrated")},
}
