"""Finds the function behind a `run` path, and the fingerprint of its code. Only trusted packages are ever imported."""

from __future__ import annotations

import functools
import hashlib
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.engine.versions import beside
from attacks.models import own_code
from attacks.seeds import digest
from taxonomy import defense_checks, digests, folders, source
from taxonomy.catalog import Catalog, installed_sources
from taxonomy.check import OWN, package
from taxonomy.defended import Applied
from taxonomy.entries import Attack, Defense, Target
from taxonomy.findings import InputError, nearest, relative
from taxonomy.kept_digests import KeptDigests
from taxonomy.named_code import named

if TYPE_CHECKING:
    from attacks.engine.foreseen import Foreseen


class Code:
    """The packages whose functions may be run: those of installed catalogs, and those in folders that the user trusts."""

    def __init__(self, trusted: Sequence[Path] = ()):
        self.trusted = tuple(folder.resolve() for folder in trusted)
        self._trusted = source.trusted_packages(trusted)
        for folder in self.trusted:
            if str(folder) not in sys.path:
                sys.path.append(str(folder))
        self._installed = {s.package: package(s.package) for s in installed_sources() if s.package}
        others = [name for name in (*self._installed, *self._trusted) if name not in OWN]
        own_code.allow([*others, "attacks.targets.data", "attacks.models", "attacks.defenses"])
        self._digests: dict[str, str] = {}
        self._kept: KeptDigests | None = None
        self._foreseen: dict[str, Foreseen | None] = {}

    def function(self, run: str) -> Callable[..., Any]:
        """Return the function that a `run` path names; raise InputError if its package is not trusted or lacks it."""
        module, _, name = run.partition(":")
        self._package(module.split(".")[0], run)
        try:
            function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        except AttributeError as error:
            raise InputError(f"{run} names no function: {error}") from error
        except ModuleNotFoundError as error:
            # What the module itself imports, and does not find, is a fault of its code, with a line.
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise
            raise InputError(f"{run} names no function: {error}") from error
        return function

    def check(self, run: str) -> None:
        """Raise InputError if the package of a function is not trusted; what it holds is not looked at."""
        self._package(run.partition(":")[0].split(".")[0], run)

    def check_defense(self, catalog: Catalog, defense: Defense) -> None:
        """Raise CatalogError with what is wrong with a defense whose code the user trusts, as `mia check` says it of all."""
        if self.is_of_user(str(defense.run)):
            defense_checks.refuse(catalog, {**self._installed, **self._trusted}, defense)

    def is_of_user(self, run: str) -> bool:
        """Return whether a function lies in a folder that the user trusts, and in no installed catalog's package."""
        name = run.split(".")[0].partition(":")[0]
        return name in self._trusted and name not in self._installed

    def digest(self, run: str) -> str:
        """Return a hash of a function's code and of all first-party code that it reaches.

        Of a folder that the user trusts, and of the package of another catalog, that is all that lies in it, data files too.
        """
        if run not in self._digests:
            self.check(run)
            known = [*self._installed.values(), _taxonomy(), *self._trusted.values()]
            if self._kept is None:
                self._kept = KeptDigests(known)
            found = self._kept.digest(run)
            if found == "missing":
                try:
                    found = digests.digest(known, run)  # which says why
                except LookupError as error:
                    raise InputError(str(error)) from error
            self._kept.save()
            self._digests[run] = found
        return self._digests[run]

    def foreseen(self, target: Target, seed: int) -> Foreseen | None:
        """Return what a target's code trains it by, without training it; None if that cannot be told."""
        from attacks.engine import foreseen  # here, so that asking for a hash does not load torch

        key = digest([target.run, target.params, seed])
        if key not in self._foreseen:  # its data are loaded for it, which may take seconds
            build = self.function(str(target.run))
            self._foreseen[key] = foreseen.training_of(lambda: build(**target.params, seed=seed))
        return self._foreseen[key]

    @property
    def text(self) -> str:
        """A hash of all source that can be run, ours and that of others, where what is no code counts too."""
        found = []
        for one in (*self._installed.values(), _taxonomy(), *self._trusted.values()):
            root = one.whole or one.folder
            files = folders.files(root) if one.whole else sorted(root.rglob("*.py"))
            found.append([one.name, [[path.relative_to(root).as_posix(), _hash(path)] for path in files]])
        return digest(found)

    def homes(self, *, own: bool) -> list[Path]:
        """Return where this program's packages lie, or where those of others do whose code may be run."""
        packages = [*self._trusted.values(), *self._installed.values(), _taxonomy()]
        return [one.folder.resolve() for one in packages if (one.name in OWN and one.whole is None) == own]

    def behind(self, attack: Attack, target: Target, applied: Applied | None = None) -> str:
        """Return a hash of the code of an attack, of a target and of the defense on it, with their parameters."""
        assert attack.run is not None and target.run is not None
        own = [self.digest(path) for path in named(target.params).values()]
        behind = digest([self.digest(attack.run), attack.params, self.digest(target.run), target.params, own])
        return behind if applied is None else digest([behind, self.of_defense(applied), applied.adaptive])

    def of_defense(self, applied: Applied) -> str:
        """Return a hash of a defense as it is put on a target: its id, its parameters, its code and what that rests on."""
        rests_on = beside(str(applied.defense.run))
        return digest([applied.defense.id, dict(applied.params), *map(self.digest, applied.code), rests_on])

    def _package(self, name: str, run: str) -> source.Package:
        if name in self._installed:
            return self._installed[name]
        if name in self._trusted:
            return self._trusted[name]
        if self.trusted:
            where = " or ".join(relative(folder) for folder in self.trusted)
            hint = f" ({nearest(name, self._trusted)})" if self._trusted else ""
            raise InputError(f"{run}: there is no {name}.py, and no package {name}, in {where}{hint}")
        raise InputError(f"{run} lies in no installed catalog's package; --trust-code DIR runs code of a folder that you trust")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _taxonomy() -> source.Package:
    return package("taxonomy")
