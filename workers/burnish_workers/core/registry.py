"""Find kinds by name: folders of `burnish_workers.kinds`, entry points, and the modules of BURNISH_EXTRA_KINDS."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
from collections.abc import Iterable, Iterator
from functools import lru_cache

from burnish_workers.core.kind import Kind

GROUP = "burnish.kinds"
EXTRA = "BURNISH_EXTRA_KINDS"


def near(name: str, known: Iterable[str]) -> str:
    """What to say of an unknown name: the near match if there is one, and all known names."""
    names = sorted(known)
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {match[0]!r}?" if match else ""
    return f"unknown name {name!r}{hint} (known: {', '.join(names) or 'none'})"


class Registry:
    """Kinds by name."""

    def __init__(self, kinds: Iterable[Kind]):
        self._kinds = {kind.name: kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def __contains__(self, name: str) -> bool:
        return name in self._kinds

    def get(self, name: str) -> Kind:
        """Raises KeyError with the known names and a near match."""
        if name not in self._kinds:
            raise KeyError(near(name, self._kinds))
        return self._kinds[name]

    @property
    def names(self) -> list[str]:
        return sorted(self._kinds)


def own_kinds() -> Iterator[Kind]:
    """The kinds of this product."""
    package = importlib.import_module("burnish_workers.kinds")
    for module in pkgutil.iter_modules(package.__path__):
        name = f"burnish_workers.kinds.{module.name}.kind"
        if module.ispkg and importlib.util.find_spec(name):
            yield importlib.import_module(name).KIND


def _named(reference: str) -> Kind:
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute or "KIND")


@lru_cache(maxsize=1)
def registry() -> Registry:
    """All kinds of this installation. `BURNISH_EXTRA_KINDS=module:attribute,...` adds kinds under development."""
    third_party = [entry.load() for entry in importlib.metadata.entry_points(group=GROUP)]
    extra = [_named(reference.strip()) for reference in os.environ.get(EXTRA, "").split(",") if reference.strip()]
    return Registry([*own_kinds(), *third_party, *extra])
