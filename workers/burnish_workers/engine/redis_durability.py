"""Whether a Redis or Valkey server keeps what it has acknowledged, judged from what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from burnish_workers.engine.records import NotDurable, StoreUnavailable

FULL = 0.8
"""Above this share of its memory a store takes no new jobs; those that run go on."""


@dataclass(frozen=True)
class Durability:
    """`waits`: after an important write ask for the disk (`WAITAOF`); else its reply already means that."""

    waits: bool


def judge(info: Mapping[str, Any], appendfsync: str | None, waitaof: bool, allow_volatile: bool) -> Durability:
    """How to write durably to a server with this INFO; raises `NotDurable` when that cannot be done.

    `appendfsync`: its setting, None where the server does not tell; `waitaof`: it knows that command (Valkey, Redis
    from 7.2); `allow_volatile`: a server without an append-only file will do (tests).
    """
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise NotDurable(
            f"the store runs with maxmemory-policy {policy} and would drop jobs when full; set it to noeviction"
        )
    if not int(info.get("aof_enabled", 0)):
        if allow_volatile:
            return Durability(waits=False)
        raise NotDurable("the store keeps no append-only file and would lose jobs at a restart; set appendonly yes")
    if appendfsync == "no":
        raise NotDurable("the store runs with appendfsync no and may lose accepted jobs; set it to everysec or always")
    if appendfsync != "always" and not waitaof:
        version = info.get("redis_version", "?")
        raise NotDurable(
            f"the store (version {version}, appendfsync {appendfsync}) cannot confirm that a job is on disk; "
            "set appendfsync always, or use Valkey, or Redis from 7.2 on"
        )
    return Durability(waits=appendfsync != "always")


def check_room(info: Mapping[str, Any]) -> None:
    """Raise `StoreUnavailable` when the store is too full for another job."""
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if limit and used > FULL * limit:
        raise StoreUnavailable(
            f"the store is {used / limit:.0%} full ({used} of {limit} bytes) and takes no new jobs above {FULL:.0%}; "
            "delete jobs or raise its maxmemory"
        )
