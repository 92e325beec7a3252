"""`kind: http`: a model behind a service, as a model of an audit."""

from __future__ import annotations

from dataclasses import fields

from attacks.audit.kinds.address import Address
from attacks.audit.kinds.model import OwnModel
from attacks.audit.kinds.service import Service
from attacks.audit.kinds.specs import HttpSpec
from attacks.engine.store import default_folder
from attacks.seeds import digest


def load(spec: HttpSpec, limit: int | None) -> OwnModel:
    """Return the model behind a service, whose answers are kept beside finished work; raise InputError if it does not answer."""
    address = Address(**{field.name: getattr(spec, field.name) for field in fields(Address)})
    service = Service(address, default_folder() / "services", limit=limit)
    described = service.metadata()
    return OwnModel(
        service,
        digest(["http", spec.url, described, spec.scale, spec.answers]),
        None if spec.classes is None else [str(name) for name in spec.classes],
        spec.scale,
        spec.answers,
        service=True,
        noun=f"the service {spec.url}",
        again=service.anew,
    )
