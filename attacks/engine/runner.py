"""Runs a plan against a target: the proof, rule by rule, each shared step once, finished work from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from attacks.defenses.owner import FACTS, Trained
from attacks.engine import blame, defending, errands
from attacks.engine.code import Code
from attacks.engine.contents import Contents
from attacks.engine.execution import AUDIT, Run
from attacks.engine.expected import made_for
from attacks.engine.foreseen import TARGET
from attacks.engine.outcome import Outcome
from attacks.engine.places import NamedExecutor, Progress, SerialExecutor, Silent
from attacks.engine.plan import Plan, Planned, within_queries
from attacks.engine.proof import LABEL, PARTIAL
from attacks.engine.store import Store
from attacks.engine.versions import environment
from attacks.engine.workshop import StoreWorkshop, node_of
from attacks.errors import DivergedError
from attacks.handles import AttackError, UnsuitableError
from attacks.metrics import blind_baseline
from attacks.metrics.blind_baseline import BlindBaseline
from attacks.models import training
from attacks.models.devices import CPU
from attacks.seeds import digest, digest_arrays
from attacks.targets.target import Target
from taxonomy import entries
from taxonomy.catalog import Catalog
from taxonomy.defended import SCORES, STATISTICS, Applied, of_uploads
from taxonomy.findings import InputError

COINS = "D2.coins"
BLIND = "attacks.metrics.blind_baseline:measure"


class Engine:
    """Carries out plans with one store, one executor and one set of trusted code, on one device (attacks/models/devices.py)."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store | None = None,
        *,
        code: Code | None = None,
        executor: Executor | None = None,
        progress: Progress | None = None,
        device: str = CPU,
    ):
        self.catalog = catalog
        self.store = store or Store()
        self.code = code or Code()
        self.progress = progress or Silent()
        self.executor = executor or SerialExecutor()
        self.workshop = StoreWorkshop(self.store, self.executor, self.code, self.progress, device)
        # The last target, with what was trained as it, and the last one with a defense on it.
        self._built: tuple[tuple[str, int], Target, defending.Last] | None = None
        self._defended: tuple[tuple[str, int, str], defending.Defended] | None = None
        self._contents: tuple[Target, Contents] | None = None

    @contextmanager
    def _at_work(
        self, place: str = "", seed: int = 0, defense: Trained | None = None, defended: tuple[str, ...] = ()
    ) -> Iterator[None]:
        """Have models trained here; what is trained says what it was made for (attacks/engine/expected.py).

        A defense changes the trainings that are called as in `defended`.
        """
        work = self.workshop
        token, before = training.workshop.set(work), (work.made_for, work.defense, work.defended)
        work.made_for = {"place": place, "seed": seed} if place else {}
        work.defense, work.defended = defense, defended
        try:
            yield
        finally:
            training.workshop.reset(token)
            work.made_for, work.defense, work.defended = before

    def adopt(self, target: Target, seed: int) -> None:
        """Take a target that was made elsewhere for the one of its name, as an audit does; raise InputError if it is unsound."""
        target.warnings += target.check()
        self._built, self._defended = ((target.id, seed), target, None), None

    def target(self, name: str, seed: int) -> Target:
        """Return a target by its entry's id, trained if the store does not hold it yet; the last one is kept for the next run."""
        return self._plain(name, seed)[0]

    def _plain(self, name: str, seed: int) -> tuple[Target, defending.Last]:
        """Return a target without a defense, and what was trained as it."""
        if self._built is None or self._built[0] != (name, seed):
            entry = self.catalog.target(name)
            target, last = self._build(entry, seed)
            # Roles without a handle are nothing to touch: what they are shown, the target offers beside it.
            roles = [term.id for term in self.catalog.terms.values() if term.aspect == "role" and term.handle is None]
            made = {*target.makers, *roles, LABEL, PARTIAL, *([COINS] if AUDIT in target.judges else [])}
            if missing := sorted(set(entry.offers) - made):
                raise InputError(f"the target {name} offers {', '.join(missing)}, for which its code makes no handle")
            self._built = (name, seed), target, last
        return self._built[1], self._built[2]

    def _build(
        self, entry: entries.Target, seed: int, defense: Trained | None = None, place: str = ""
    ) -> tuple[Target, defending.Last]:
        """Return a target that its entry's code makes, trained by a defense if there is one, and what was trained as it."""
        name, work = entry.id, self.workshop
        if entry.run is None:
            raise InputError(f"the target {name} has no code, so nothing can be run against it")
        work.last = None
        with self._at_work(place or made_for(self.code, entry), seed, defense, (TARGET,) if defense else ()):
            try:
                target: Target = self.code.function(entry.run)(**entry.params, seed=seed)
                target.id = name
                target.warnings += target.check()
            except InputError:
                raise
            except (Exception, SystemExit) as error:
                if defense is not None:
                    raise  # what puts it on the target says whose fault it may be
                problem = blame.told(error, self.code)
                if isinstance(error, AttackError):
                    raise InputError(f"the target {name} cannot be made: {problem}") from error
                raise InputError(f"the target {name} cannot be made with the parameters of its entry; {problem}") from error
        return target, work.last

    def target_of(self, plan: Plan, seed: int) -> Target:
        """Return the target of a plan, with its defense if it has one."""
        found = self.defended(plan, seed)
        return self.target(plan.target.id, seed) if found is None else found.target

    def defended(self, plan: Plan, seed: int) -> defending.Defended | None:
        """Return the defended target of a plan; None for a plan without a defense. The last one is kept for the next run."""
        if plan.defense is None:
            return None
        key = plan.target.id, seed, digest([self.code.of_defense(plan.defense), plan.defense.adaptive])
        if self._defended is None or self._defended[0] != key:
            self.check(plan, seed)
            with self._putting(plan.defense, plan.target.id):
                self._defended = key, self._put(plan, plan.defense, seed)
        return self._defended[1]

    def check(self, plan: Plan, seed: int) -> None:
        """Raise InputError if the defense of a plan does not suit what its target trains; nothing is trained for that."""
        applied, entry = plan.defense, plan.target
        if applied is None or of_uploads(entry, applied.defense):
            return
        with self._putting(applied, entry.id):
            by = defending.trained(applied)
            if by is None and applied.masks == STATISTICS:
                return
            found = self.code.foreseen(entry, seed)
            if found is None:
                return
            if by is None:
                defending.check(defending.mask(self.code, applied, seed), applied.left, found, entry)
            elif not found.told:
                raise defending.untold(applied, entry)
            elif found.recipe is not None:
                by.suits(found.recipe, defending.beside(entry))

    @contextmanager
    def _putting(self, applied: Applied, name: str) -> Iterator[None]:
        """Tell in one sentence what the code of a defense raises when it is put on a target."""
        defense = applied.defense.id
        try:
            yield
        except InputError:
            raise
        except AttackError as error:
            raise InputError(f"{defense}: {blame.told(error, self.code)}") from error
        except (Exception, SystemExit) as error:
            run = applied.defense.run
            raise InputError(f"{defense} cannot be put on {name} by {run}; {blame.told(error, self.code)}") from error

    def _put(self, plan: Plan, applied: Applied, seed: int) -> defending.Defended:
        """Return the target of a plan with a defense on it."""
        defense, name, own = applied.defense, plan.target.id, self.code.of_defense(applied)
        mask, by, facts = None, defending.trained(applied), dict[str, Any]()
        if of_uploads(plan.target, defense):
            plain, last = self._plain(name, seed)
            target, after = defending.summed(self.code, applied, plain, seed), last
        elif applied.masks == STATISTICS and by is None:
            plain, last = self._plain(name, seed)
            target, after = defending.published(self.code, applied, plan.target, plain, seed), last
        elif by is None:
            mask = defending.mask(self.code, applied, seed)
            plain, last = self._plain(name, seed)
            target, mask = defending.masked(self.catalog, plan.target, applied, mask, plain, last)
            after = last
        else:
            by = defending.with_records(by, lambda: self.target(name, seed))
            place = made_for(self.code, plan.target, defense=own)
            target, after = self._build(plan.target, seed, by, place)
            if after is None:
                raise defending.untold(applied, plan.target)
            plain, last = self._plain(name, seed)
            facts = self.store.meta(node_of(after[0].fingerprint)).get(FACTS, {})
        target.fingerprint = digest([plain.fingerprint, own])
        if mask is not None and (mask.computes or SCORES in plain.identities):
            # To ask for a hash alone would cost too much, and what is random has none.
            target.identities |= {term: target.fingerprint for term in target.makers if term.startswith("Q.")}
        seconds = self._seconds(last), self._seconds(after)
        utility = defending.utility(applied, plain, target, seconds)
        return defending.Defended(applied, target, utility, mask, by, facts)

    def _seconds(self, last: defending.Last) -> float | None:
        """Return what a training took, in seconds of one processor; None of one that is not known."""
        meta = self.store.meta(node_of(last[0].fingerprint)) if last else {}
        return float(meta["seconds"]) if "seconds" in meta else None

    def go_on_from(self, other: Engine) -> None:
        """Take over the target that another engine has built, for the next run against it: with the same catalog and store."""
        self._built, self._defended, self._contents = other._built, other._defended, other._contents

    def blind_baseline(self, target: Target) -> BlindBaseline | None:
        """Return what can be told about the target's members without the model, kept in the store; None for too few records."""
        features, member = target.blind_features(), target.member.numpy()
        if features is None:
            return None
        name = digest([self.code.digest(BLIND), digest_arrays(features, member), environment()])
        if name not in self.store:
            found = blind_baseline.measure(features, member)
            meta = {"found": found.as_json() if found else None}
            self.store.write(name, "blind baseline", target.id, meta=meta)
        kept = self.store.read(name)[0]["found"]
        return BlindBaseline(kept["auc"], tuple(kept["auc_ci"]), kept["exchangeable"]) if kept else None

    def contents(self, target: Target) -> Contents:
        """Return the hashes of what a target shows; those of the last one are kept for the next run."""
        if self._contents is None or self._contents[0] is not target:
            self._contents = target, Contents(target)
        return self._contents[1]

    def run(self, plan: Plan, seed: int = 0, *, any_split: bool = False) -> Outcome:
        """Run every attack of the plan; a failure of one leaves the others' results. Raises InputError on a bad plan.

        Where members can be told without the model, nothing is run, for it would measure the split; with `any_split` it is.
        """
        with self.store.in_use():
            return self._run(plan, seed, any_split)

    def _run(self, plan: Plan, seed: int, any_split: bool) -> Outcome:
        target = self.target_of(plan, seed)
        plan = within_queries(plan, len(target.x))
        outcome = Outcome(plan, seed, target.facts, target.member.numpy(), exhibits=getattr(target, "exhibits", None))
        outcome.defense = self.defended(plan, seed)
        outcome.warnings += target.warnings
        if any(planned.attack.goal == "membership" for planned in plan.attacks):
            outcome.blind_baseline = self.blind_baseline(target)
        run = Run(self, plan, target, seed)
        self.progress.start("Running attacks", len(plan.attacks))
        sent = self._sent(run, outcome.blind_baseline)
        for planned in plan.attacks:
            try:
                if planned.attack.goal == "membership" and not any_split:
                    check_exchangeable(target.id, outcome.blind_baseline)
                score, result = run.attack(planned, self._collecting(run, planned, sent))
            except UnsuitableError as error:
                outcome.unsuited.append((planned.attack.id, str(error)))
            except (InputError, KeyboardInterrupt):
                raise
            except (Exception, SystemExit) as error:
                outcome.failures.append({"attack": planned.attack.id, "error": _told(error, self.code, plan)})
            else:
                if score is not None:
                    outcome.scores[planned.attack.id] = score
                outcome.results.append(result)
            self.progress.advance()
        work = self.workshop
        outcome.trained, outcome.reused, outcome.spare, outcome.device = work.trained, work.reused, work.spare, work.device
        return outcome

    def _sent(self, run: Run, baseline: BlindBaseline | None) -> dict[str, Future[errands.Report | None]]:
        """Have the attacks of a run carried out elsewhere, all at a time, where there is such a place; return the errands."""
        if not isinstance(self.executor, NamedExecutor):
            return {}
        told = baseline is not None and not baseline.exchangeable
        sound = [p for p in run.plan.attacks if not (told and p.attack.goal == "membership")]
        sent = {planned.attack.id: errands.send(run, planned, self.executor, carried_out) for planned in sound}
        return {name: errand for name, errand in sent.items() if errand is not None}

    def _collecting(
        self, run: Run, planned: Planned, sent: Mapping[str, Future[errands.Report | None]]
    ) -> Callable[[], None] | None:
        """Return what waits for the errand of an attack; None for one that is carried out here."""
        errand = sent.get(planned.attack.id)
        return None if errand is None else partial(errands.collect, run, planned, errand)


def check_exchangeable(target: str, baseline: BlindBaseline | None) -> None:
    """Raise UnsuitableError if members can be told without the model, for then an attack measures the split."""
    if baseline and not baseline.exchangeable:
        low, high = baseline.auc_ci
        raise UnsuitableError(
            f"the candidates of {target} are not exchangeable: without the model, members are told from others with an AUC of "
            f"{baseline.auc:.3f} [{low:.3f}, {high:.3f}], so an attack would measure the split"
        )


def _told(error: BaseException, code: Code, plan: Plan) -> str:
    """Return in one sentence what an attack raised; where answers that are masked are not-a-number, the mask may be to blame."""
    found, applied = blame.told(error, code), plan.defense
    masked = applied is not None and applied.left is not None and isinstance(error, DivergedError)
    return f"{found}, or the defense {applied.defense.id} shows that of an answer" if applied and masked else found


def carried_out(executor: NamedExecutor, errand: errands.Errand) -> errands.Report:
    """Carry out an attack here, and leave its result in the store."""
    code = Code(errand.trusted)
    engine = _engine(executor, errand, code)
    try:
        run = Run(engine, errand.plan, engine.target_of(errand.plan, errand.seed), errand.seed)
        run.carry_out(next(planned for planned in errand.plan.attacks if planned.attack.id == errand.attack))
    except UnsuitableError as error:
        return errands.Report(unsuited=str(error))
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        return errands.Report(failed=_told(error, code, errand.plan))
    work = engine.workshop
    return errands.Report(work.trained, work.reused, work.spare)


# The engine of the last errand, for the sake of its target, and whose errand it was.
_last: tuple[object, Engine] | None = None


def _engine(executor: NamedExecutor, errand: errands.Errand, code: Code) -> Engine:
    """Return an engine for an errand. One for the same target as the last goes on with the target that the last has built."""
    global _last
    engine = Engine(errand.catalog, Store(errand.store), code=code, executor=executor, device=errand.device)
    errand_of = (errand.plan.target, errand.seed, errand.store, errand.trusted, errand.device)
    if _last is not None and _last[0] == errand_of:
        engine.go_on_from(_last[1])
    _last = errand_of, engine
    return engine
