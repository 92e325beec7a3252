"""Which attacks on membership does a service that answers with labels make possible?"""

from taxonomy.answers import Atlas, Feasible
from taxonomy.loading import load
from taxonomy.threat import ThreatModel

atlas = Atlas(load())
service = ThreatModel.of(atlas.catalog.threat_models["prediction-api-labels"])
for answer in atlas.answers(service, "membership"):
    if isinstance(answer, Feasible):
        print(answer.attack.id, answer.derivation.price.queries_per_record)
