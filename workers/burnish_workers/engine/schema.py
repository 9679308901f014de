"""The version of what is stored, and how older versions are read.

Every job carries the version of the service that wrote it last, every checkpoint its own, and the store that of the
newest service it has served. A job of an older version is read as one of today: fields pass through one upgrade for
each version in between. One of a newer version is never read: it may mean something else by the same words. Runners
leave such jobs to newer ones, fronts answer 503 until they are replaced, and a service does not start on such a store.

Wire types are closed, so that a version that adds a field to a spec or a budget is a new version of the schema.

- 1: all before 0.1.0 was released; nothing is marked.
- 2: budgets may have a deadline, jobs a promise, purposes are also `canary`. What was stored before needs no change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from burnish_workers.engine.records import StoreError, StoreUnavailable

SCHEMA = 2
MARK = "schema"
"""The field of a job, and the array of a checkpoint, that hold its version."""

Fields = Mapping[str, str]
Upgrade = Callable[[Fields], Fields]

UPGRADES: dict[int, Upgrade] = {1: lambda fields: fields}
"""From a version to the next: the fields of a job as text."""


class StoredByNewer(StoreUnavailable):
    """A newer version of the service wrote this. Another process, of that version, can read it."""


class StoreTooNew(StoreError):
    """The store has served a newer version: this one does not start on it."""


def upgraded(fields: Fields, known: int = SCHEMA, upgrades: Mapping[int, Upgrade] = UPGRADES) -> Fields:
    """The fields of a job as version `known` writes them. Raises StoredByNewer."""
    version = int(fields.get(MARK, 1))
    check_version(version, f"job {fields.get('id', '?')}", known)
    for each in range(version, known):
        fields = upgrades[each](fields)
    return {**fields, MARK: str(known)}


def check_version(version: int, what: str, known: int = SCHEMA) -> None:
    """Raises StoredByNewer."""
    if version > known:
        raise StoredByNewer(
            f"{what} was written by a newer burnish (schema {version}; this one reads up to {known}), which is taking "
            "over or was here before; try again shortly"
        )


def check_store(version: int, where: str, known: int = SCHEMA) -> None:
    """Whether a service may start on a store that has served this version. Raises StoreTooNew."""
    if version > known:
        raise StoreTooNew(
            f"{where} was written by a newer burnish (schema {version}; this one reads up to {known}): start that "
            "version again, or give this one a store of its own"
        )
