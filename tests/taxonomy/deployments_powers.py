"""Deployments that differ in how much of an answer is shown, and in powers beyond queries to a model."""

from __future__ import annotations

from deployment import Deployment

CLASSES = ["--observation", "black-box", "--model", "discriminative"]
GROUP = ["--observation", "black-box", "--model", "aggregate"]
# What needs scores of the classes, and runs on all from which scores can be computed.
ON_SCORES = ("yeom-2018-loss", "song-2021-modified-entropy", "shokri-2017", "carlini-2022-lira", "zarifzadeh-2024-rmia")
TEXT_ALONE = ("tirumala-2022-memorised-symbols", "kaneko-2024-samia")


def knows(*terms: str) -> list[str]:
    return [flag for term in terms for flag in ("--knows", term)]


DEPLOYMENTS = [
    Deployment(
        "top-k tagging API",
        [*CLASSES, *knows("Q.top-k", "record.label", "D1.samples", "M2")],
        source="Picture tagging services return the best few tags with their confidence; Shokri et al. 2017, Table III",
        feasible=(*ON_SCORES, "ml-leaks-1", "ml-leaks-3", "yeom-2018-gap"),
        infeasible=("carlini-2022-gradient-norm", "salem-2020-updates-leak"),
        inapplicable=("gan-leaks-1", "homer-2008"),
        why="The true label's score is shown wherever it is among the highest, and the others share what is left.",
    ),
    Deployment(
        "API with rounded scores",
        [*CLASSES, *knows("Q.rounded-scores", "record.label", "D1.samples", "M2")],
        source="Interfaces that print confidences with two digits; Shokri et al. 2017, Table III",
        feasible=(*ON_SCORES, "yeom-2018-gap"),
        infeasible=("carlini-2022-gradient-norm",),
        why="Rounding ties confident answers and leaves everything else to compare.",
    ),
    Deployment(
        "tagging API with a threshold",
        [*CLASSES, *knows("Q.thresholded-scores", "record.label", "D1.samples", "M2")],
        source="Picture tagging services have a parameter for the least confidence of a tag",
        feasible=(*ON_SCORES, "yeom-2018-gap"),
        infeasible=("carlini-2022-gradient-norm",),
        why="A confident answer is above the threshold, and members are answered confidently.",
    ),
    Deployment(
        "label with one confidence",
        [*CLASSES, *knows("Q.label-confidence", "record.label", "D1.samples", "M2")],
        source="Classification endpoints that return a label and its score; Shokri et al. 2017, Table III",
        feasible=(*ON_SCORES, "ml-leaks-3", "yeom-2018-gap"),
        infeasible=("carlini-2022-gradient-norm",),
        why="Where the prediction is right its score is the true label's, and the highest score alone tells members.",
    ),
    Deployment(
        "label with one confidence, nothing else known",
        [*CLASSES, *knows("Q.label-confidence", "record.label")],
        source="The same endpoint, asked by somebody without data",
        feasible=("yeom-2018-loss", "yeom-2018-gap", "ml-leaks-3"),
        infeasible=("carlini-2022-lira", "zarifzadeh-2024-rmia"),
        why="A loss can be thresholded without data; to calibrate it takes models of one's own.",
    ),
    Deployment(
        "API that adds noise to its scores",
        [*CLASSES, *knows("Q.noisy-scores", "record.label", "D1.samples", "M2")],
        source="The defense of Salem et al. 2020, noise on posteriors",
        feasible=ON_SCORES,
        infeasible=("carlini-2022-gradient-norm",),
        why="Noise makes every signal weaker and takes none away.",
    ),
    Deployment(
        "k-NN file release",
        ["--threat-model", "released-nearest-neighbours-model"],
        source="Output checks of trusted research environments: Jefferson et al. 2022 (GRAIMATTER)",
        feasible=("jefferson-2022-stored-records",),
        inapplicable=("gan-leaks-1", "carlini-2022-gradient-norm", "nasr-2019-stand-alone"),
        why="The file holds the training records themselves, so that nothing need be inferred, and it has no gradients.",
    ),
    Deployment(
        "classifier file that holds no records",
        ["--observation", "white-box", "--model", "discriminative", *knows("M1.parameters", "M2", "record.label")],
        source="Any released network",
        feasible=("carlini-2022-gradient-norm", "yeom-2018-loss"),
        infeasible=("jefferson-2022-stored-records",),
        why="Weights are no records, and nobody can look a candidate up in them.",
    ),
    Deployment(
        "genomic beacon",
        ["--threat-model", "genomic-beacon"],
        source="Beacons of the Global Alliance for Genomics and Health; Shringarpure and Bustamante 2015",
        feasible=("raisaro-2017-beacon",),
        inapplicable=("homer-2008", "backes-2016", "pyrgelis-2018", "yeom-2018-loss", "gan-leaks-1"),
        why="Yes and no are no frequencies, so that tests on frequencies have nothing to compare, but a no excludes a member.",
    ),
    Deployment(
        "beacon, group of unknown size",
        [*GROUP, *knows("Q.beacon", "D1.samples")],
        source="A beacon that does not publish how many people it holds",
        infeasible=("raisaro-2017-beacon", "homer-2008"),
        why="How surprising a no is depends on how many people could have said yes.",
    ),
    Deployment(
        "noisy mobility counts",
        ["--threat-model", "mobility-report-with-noise"],
        source="Mobility reports published with differential privacy; Pyrgelis et al. 2018 measure such noise",
        feasible=("pyrgelis-2018", "zhang-2020-locmia", "homer-2008", "raisaro-2017-beacon"),
        inapplicable=("yeom-2018-loss",),
        why="Noise makes the classifier for one victim worse and does not take the counts away.",
    ),
    Deployment(
        "official table without small counts",
        ["--threat-model", "statistics-without-small-counts"],
        source="Suppression of small cells, usual in official statistics",
        feasible=("pyrgelis-2018", "homer-2008", "sankararaman-2009"),
        inapplicable=("yeom-2018-loss",),
        why="What is left out is known to be small, and what is shown is exact.",
    ),
    Deployment(
        "allele frequencies",
        ["--threat-model", "published-aggregate-statistics"],
        source="Summary statistics of genome studies; Homer et al. 2008",
        feasible=("homer-2008", "sankararaman-2009", "backes-2016", "raisaro-2017-beacon"),
        inapplicable=("yeom-2018-loss",),
        why="Frequencies tell all that a beacon tells, and more.",
    ),
    Deployment(
        "secure aggregation",
        ["--threat-model", "server-behind-secure-aggregation"],
        source="Federated learning on phones; Bonawitz et al. 2017",
        feasible=("nasr-2019-passive", "nasr-2019-unsupervised-federated", "melis-2019-membership"),
        infeasible=("nasr-2019-passive-server", "nasr-2019-isolating", "nasr-2019-active-server", "aono-2017"),
        why="The server has every global model and the sum of the uploads, and nobody's own.",
    ),
    Deployment(
        "server, uploads in the clear",
        ["--threat-model", "honest-but-curious-server"],
        source="Federations without secure aggregation; Nasr et al. 2019",
        feasible=("nasr-2019-passive-server", "nasr-2019-passive", "melis-2019-membership", "aono-2017"),
        infeasible=("nasr-2019-isolating",),
        why="Every upload arrives by itself, but a server that follows the protocol isolates nobody.",
    ),
    Deployment(
        "server that says it cannot read uploads",
        [
            *("--observation", "white-box", "--model", "discriminative", "--frame", "federated"),
            *knows("server", "secure-aggregation", "M1.rounds", "M2", "record.label"),
        ],
        source="A privacy statement of a federation that names both",
        feasible=("melis-2019-membership", "nasr-2019-unsupervised-federated"),
        infeasible=("aono-2017", "nasr-2019-passive-server"),
        why="Who is server and sees sums only is a server that sees sums only.",
    ),
    Deployment(
        "vertical federation",
        [
            *("--observation", "black-box", "--model", "discriminative", "--frame", "federated"),
            *knows("vertical-participant", "record.label"),
        ],
        source="A bank and a shop that train on columns of the same customers",
        infeasible=("nasr-2019-passive", "melis-2019-membership", "yeom-2018-loss", "he-2019-collaborative-query-free"),
        inapplicable=("gan-leaks-1",),
        why="The parties line up their records, so that membership is no secret, and a part of a model answers nothing.",
    ),
    Deployment(
        "vertical federation, party that looks into its part",
        [
            *("--observation", "white-box", "--model", "discriminative", "--frame", "federated"),
            *knows("vertical-participant", "record.label"),
        ],
        source="A bank and a shop that train on columns of the same customers",
        infeasible=("yeom-2018-loss", "shokri-2017", "carlini-2022-gradient-norm"),
        why="Who holds a part of a model sees neither its answers nor the other parts, whatever it does with its own.",
    ),
    Deployment(
        "vertical federation, party with the later layers",
        [
            *("--observation", "black-box", "--model", "discriminative", "--frame", "federated"),
            *knows("vertical-participant", "split-cloud", "D1.samples", "M2"),
        ],
        source="The party with the labels, which runs the layers behind all parts",
        feasible=("he-2019-collaborative-query-free",),
        infeasible=("nasr-2019-passive",),
        why="It receives the intermediate values of the others' columns, which is the position of He et al. 2019.",
    ),
    Deployment(
        "chat service, text only",
        ["--threat-model", "chat-api-text-only"],
        source="Hosted chat services without log-probabilities; Kaneko et al. 2024",
        feasible=TEXT_ALONE,
        infeasible=("carlini-2021-perplexity", "shi-2024-min-k", "zhang-2025-min-k-plus-plus"),
        inapplicable=("yeom-2018-loss", "homer-2008"),
        why="Text shows what the model would write, and no likelihood.",
    ),
    Deployment(
        "API with log-probabilities of generated tokens only",
        ["--threat-model", "language-model-api-own-tokens"],
        source="The `logprobs` of hosted chat services, which are those of the answer",
        feasible=(*TEXT_ALONE, "carlini-2021-perplexity", "shi-2024-min-k", "carlini-2021-zlib"),
        infeasible=("zhang-2025-min-k-plus-plus",),
        inapplicable=("yeom-2018-loss",),
        why="Asked symbol by symbol, the record's own likelihood is known where the model would write the same, else bounded.",
    ),
    Deployment(
        "API with log-probabilities of the prompt",
        ["--threat-model", "language-model-api"],
        source="The `prompt_logprobs` of vLLM and evaluation harnesses",
        feasible=("carlini-2021-perplexity", "shi-2024-min-k", "carlini-2021-zlib"),
        infeasible=("zhang-2025-min-k-plus-plus",),
        why="It says how likely it finds the text that one sends.",
    ),
    Deployment(
        "fine-tuned model behind vLLM",
        ["--threat-model", "fine-tuned-model-api"],
        source="The `prompt_logprobs` of vLLM on a model that was tuned from one on a public hub; Ilić et al. 2026, Abstract",
        feasible=("ilic-2026-ez", "chen-2026-wbc", "mireshghallah-2022-likelihood-ratio", "carlini-2021-perplexity"),
        infeasible=("zhang-2025-min-k-plus-plus", "xie-2024-recall", "zhang-2024-dc-pdd", *TEXT_ALONE),
        inapplicable=("yeom-2018-loss",),
        why="The public model is a reference that nobody has to train; what takes other text of the same kind is out of reach.",
    ),
    Deployment(
        "fine-tuned chat service with log-probabilities of generated tokens",
        ["--threat-model", "fine-tuned-chat-api-own-tokens"],
        source="The `logprobs` of hosted chat services, asked of a fine-tuned model",
        feasible=("ilic-2026-ez", "chen-2026-wbc", "mireshghallah-2022-likelihood-ratio", *TEXT_ALONE),
        infeasible=("zhang-2025-min-k-plus-plus", "xie-2024-recall"),
        why="Asked symbol by symbol, it shows where it errs; how far it errs there is only bounded.",
    ),
    Deployment(
        "retrieval system",
        ["--threat-model", "retrieval-augmented-chat"],
        source="Retrieval-augmented generation over a company's documents; Li et al. 2024",
        feasible=("li-2024-s2mia",),
        inapplicable=("yeom-2018-loss", "carlini-2021-perplexity", *TEXT_ALONE),
        why="What is at stake is the store, and what is found for one half of a document holds the other half.",
    ),
    Deployment(
        "embeddings API",
        ["--threat-model", "embeddings-api"],
        source="Embedding endpoints for search and comparison; Liu et al. 2021",
        feasible=("liu-2021-encodermi",),
        inapplicable=("yeom-2018-loss", "yeom-2018-gap", "carlini-2022-lira", "homer-2008"),
        why="A vector is no score, but the vectors of a training record's versions lie near together.",
    ),
    Deployment(
        "open call for training data",
        ["--threat-model", "bug-bounty-poisoner"],
        source="Spam reports, crowd-sourced labels and bug bounties that take records from anybody; Tramer et al. 2022",
        feasible=("tramer-2022-truth-serum", *ON_SCORES),
        infeasible=("carlini-2022-gradient-norm", "tao-2025-ramia"),
        inapplicable=("gan-leaks-1",),
        why="Who may put records into the training set needs no more for what everybody can do who asks the service.",
    ),
    Deployment(
        "user with several records",
        [*CLASSES, *knows("Q.scores", "record.label", "record.owner-records")],
        source="A person who asks whether any of their messages were used, as with a federated keyboard",
        feasible=("yeom-2018-loss", "yeom-2018-gap", "ml-leaks-3"),
        infeasible=("carlini-2022-lira",),
        inapplicable=("gan-leaks-1",),
        why="Scores of several records add up, but each of them must be had by a power of its own.",
    ),
]
