"""Runs one job of a bench: planned by itself, exactly as `mia run ATTACK --target TARGET --seed SEED` plans it."""

from __future__ import annotations

from attacks.engine import plan as plans
from attacks.engine.outcome import Outcome
from attacks.engine.runner import Engine
from attacks.engine.store import StoreError
from attacks.evidence.bench_plan import Job, Settings
from taxonomy.catalog import Catalog
from taxonomy.findings import InputError


class FailedRunError(Exception):
    """A job that came to no result; the message says why in one sentence."""


class UnsuitedRunError(FailedRunError):
    """A job whose attack the target's records do not suit; the message says what it takes."""


class Runs:
    """Runs jobs with one engine; a plan is made once, whatever the seed."""

    def __init__(self, catalog: Catalog, engine: Engine):
        self.catalog, self.engine = catalog, engine
        self._planned: dict[tuple[str, str, Settings], plans.Plan] = {}

    def _plan(self, job: Job) -> plans.Plan:
        attack, target, _, settings = job.key
        key = attack, target, settings
        if key not in self._planned:
            entry, set_by_user = self.catalog.target(target), overrides(job.settings)
            self._planned[key] = plans.make(self.catalog, entry, None, [attack], set_by_user, job.defense)
        return self._planned[key]

    def outcome(self, job: Job) -> Outcome:
        """Return what came of a job; raise FailedRunError if nothing did. A store that cannot be used ends everything."""
        try:
            found = self.engine.run(self._plan(job), job.seed)
        except StoreError:
            raise
        except InputError as error:
            raise FailedRunError(str(error)) from error
        for failure in found.failures:
            raise FailedRunError(failure["error"])
        for _, why in found.unsuited:
            raise UnsuitedRunError(why)
        return found


def overrides(settings: Settings) -> dict[str, dict[str, str]]:
    """Return settings NAME.PARAM as a plan takes them: as they are typed behind `--set`."""
    found: dict[str, dict[str, str]] = {}
    for path, value in settings:
        name, _, parameter = path.rpartition(".")
        found.setdefault(name, {})[parameter] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
