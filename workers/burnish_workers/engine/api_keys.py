"""API keys as text: made, taken apart, compared. Pure, but for the random numbers.

A key is `bk_<id>_<secret>`. The id is public and finds the record; the secret is 256 random bits. One round of SHA-256
is enough to keep it by: a slow, salted hash protects passwords because people choose few of them, and nobody guesses
one of 2^256 equally likely secrets, however fast; a slow one would cost every request its time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from burnish.wire.keys import Scope
from burnish_workers.engine.deadlines import seconds_until
from burnish_workers.engine.tenancy import StoredKey
from burnish_workers.engine.tenants import TENANT

VARIABLE = "BURNISH_API_KEYS"
HASHED = "sha256:"
_KEY = re.compile(r"bk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_HASHED = re.compile(r"bk_([0-9a-f]{16})_sha256:([0-9a-f]{64})")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_VISIBLE = re.compile(r"[!-~]+")
SHORTEST = 24
"""Characters of a token that nobody guesses."""
_SCOPES: tuple[Scope, ...] = get_args(Scope)
USUAL: tuple[Scope, ...] = ("submit", "read")
_NOBODY = hashlib.sha256(b"").hexdigest()


class KeysError(ValueError):
    """A setting of keys that makes no sense; it does not repeat them."""


@dataclass(frozen=True)
class Minted:
    """A fresh key: what its owner is told, and what is kept."""

    id: str
    text: str
    digest: str


def minted(id: str | None = None) -> Minted:
    """A key with a new secret; `id`: of the key that gets it, by default of a new one."""
    id, secret = id or secrets.token_hex(8), secrets.token_urlsafe(32)
    return Minted(id, f"bk_{id}_{secret}", digest_of(secret))


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def taken_apart(text: str) -> tuple[str, str] | None:
    """Id and secret of a key; None for what is none."""
    found = _KEY.fullmatch(text)
    return (found[1], found[2]) if found else None


def opens(key: StoredKey | None, secret: str, now: str) -> bool:
    """Whether a secret is that of the key and the key is good at `now` (RFC 3339).

    Compared in constant time, and in the same time for a key that there is not.
    """
    digest = digest_of(secret)
    current = hmac.compare_digest(digest, key.digest if key else _NOBODY)
    before = hmac.compare_digest(digest, key.previous or _NOBODY if key else _NOBODY)
    if key is None or key.revoked_at is not None or _past(key.expires_at, now):
        return False
    return current or (before and key.previous is not None and not _past(key.previous_until, now))


def _past(moment: str | None, now: str) -> bool:
    return moment is not None and seconds_until(moment, now) <= 0


def kept_token(text: str) -> str:
    """What is kept of a token of the settings, which is good for one thing alone: its hash, which it also takes.

    Raises KeysError for one that can be guessed.
    """
    if not text or _HASH.fullmatch(text):
        return text
    if len(text) < SHORTEST or not _VISIBLE.fullmatch(text):
        raise KeysError(f"a token has {SHORTEST} letters, digits and signs, or more: `openssl rand -hex 32` makes one")
    return HASHED + digest_of(text)


def is_token(text: str, kept: str) -> bool:
    """Whether it is the token of which `kept_token` kept this; in constant time."""
    return hmac.compare_digest(HASHED + digest_of(text), kept)


def configured(setting: str) -> tuple[StoredKey, ...]:
    """The keys of a setting: entries `TENANT[:SCOPE+SCOPE]=KEY`, apart by commas or spaces. Raises KeysError.

    KEY as its owner knows it, or as `hashed` writes it. Scopes are submit and read where none are said.
    """
    entries = [entry for entry in re.split(r"[,\s]+", setting) if entry]
    found = [_configured(number, entry) for number, entry in enumerate(entries)]
    if len({key.id for key in found}) < len(found):
        raise KeysError(f"{VARIABLE} has two entries with the same key")
    return tuple(found)


def read_entries(path: Path) -> str:
    """The entries of a file; lines that begin with # say nothing. Raises KeysError."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{VARIABLE}_FILE: {path} cannot be read: {error}") from None
    return ",".join(line for line in lines if not line.lstrip().startswith("#"))


def hashed(setting: str) -> str:
    """The same setting without secrets: it may be shown to other processes. Raises KeysError."""
    return ",".join(entry_of(key) for key in configured(setting))


def entry_of(key: StoredKey) -> str:
    return f"{key.tenant}:{'+'.join(key.scopes)}=bk_{key.id}_{HASHED}{key.digest}"


def _configured(number: int, entry: str) -> StoredKey:
    who, equals, text = entry.partition("=")
    tenant, colon, said = who.partition(":")
    scopes = tuple(said.split("+")) if colon else USUAL
    if not equals or not TENANT.fullmatch(tenant):
        raise KeysError(f"entry {number} of {VARIABLE} is no TENANT[:SCOPE+SCOPE]=KEY, as in acme:submit+read=bk_...")
    wrong = sorted(set(scopes) - set(_SCOPES))
    if wrong:
        raise KeysError(f"entry {number} of {VARIABLE} has scope {wrong[0]!r}; known: {', '.join(_SCOPES)}")
    if plain := _KEY.fullmatch(text):
        id, digest = plain[1], digest_of(plain[2])
    elif kept := _HASHED.fullmatch(text):
        id, digest = kept[1], kept[2]
    else:
        raise KeysError(f"the key of entry {number} of {VARIABLE} is none; `burnish-server key` makes one")
    known: tuple[Scope, ...] = tuple(scope for scope in _SCOPES if scope in scopes)
    return StoredKey(id, tenant, known, digest, created_at="", name=VARIABLE)
