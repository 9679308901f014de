"""What administrators do with API keys: make, list, rotate, revoke. No HTTP. Errors are `Refusal`s."""

from __future__ import annotations

from collections.abc import Mapping

from burnish.wire.keys import ApiKey, ApiKeys, IssuedKey, NewKey, RotateKey
from burnish_workers.engine.api_keys import VARIABLE, minted
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.deadlines import later
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.tenancy import StoredKey, Tenancy

DAY = 86_400


class KeyAdmin:
    """`settings`: keys that came with the settings, by id; they are changed there."""

    def __init__(self, tenancy: Tenancy, settings: Mapping[str, StoredKey], clock: Clock):
        self._tenancy, self._settings, self._clock = tenancy, settings, clock

    async def create(self, body: bytes) -> IssuedKey:
        """A new key. Raises Refusal."""
        asked = validated(NewKey, body, read_json(body))
        if "admin" not in asked.scopes and not self._settings and await self._tenancy.count() == 0:
            detail = "the first key needs the scope admin: once there is a key, nobody without one makes another"
            raise Refusal(409, "No administrator", detail)
        fresh, now = minted(), self._clock.now()
        key = StoredKey(
            id=fresh.id,
            tenant=asked.tenant,
            scopes=tuple(dict.fromkeys(asked.scopes)),
            digest=fresh.digest,
            created_at=now,
            name=asked.name,
            expires_at=None if asked.days is None else later(now, asked.days * DAY),
        )
        if not await self._tenancy.swap(None, key):
            raise _moved(key.id)
        return _issued(key, fresh.text)

    async def list(self) -> ApiKeys:
        kept = [_shown(key) for key in await self._tenancy.keys()]
        return ApiKeys(data=[*kept, *(_shown(key, source="settings") for key in self._settings.values())])

    async def get(self, id: str) -> ApiKey:
        """Raises Refusal."""
        if id in self._settings:
            return _shown(self._settings[id], source="settings")
        return _shown(await self._stored(id))

    async def rotate(self, id: str, body: bytes) -> IssuedKey:
        """A new secret; the one before is good for a while. Raises Refusal."""
        asked = validated(RotateKey, body or b"{}", read_json(body or b"{}"))
        before, now = await self._stored(id), self._clock.now()
        if before.revoked_at is not None:
            raise Refusal(409, "Revoked", f"key {id} was revoked at {before.revoked_at}; make a new one")
        fresh = minted(id)
        kept = {"previous": before.digest, "previous_until": later(now, asked.overlap)} if asked.overlap else {}
        cleared = {"previous": None, "previous_until": None}
        after = before.with_changes(digest=fresh.digest, **{**cleared, **kept})
        if not await self._tenancy.swap(before, after):
            raise _moved(id)
        return _issued(after, fresh.text)

    async def revoke(self, id: str) -> None:
        """From now on it opens nothing; idempotent. It stays in the list, so that its id is not taken again and a
        service whose only key was revoked does not stand open. Raises Refusal."""
        before = await self._stored(id)
        if before.revoked_at is None:
            after = before.with_changes(revoked_at=self._clock.now(), previous=None, previous_until=None)
            if not await self._tenancy.swap(before, after):
                raise _moved(id)

    async def _stored(self, id: str) -> StoredKey:
        if id in self._settings:
            raise Refusal(409, "Key of the settings", f"key {id} comes from {VARIABLE}: change it there, and restart")
        key = await self._tenancy.key(id)
        if key is None:
            raise Refusal(404, "Not found", f"there is no key {id[:40]!r}; GET /v1/keys lists them")
        return key


def _moved(id: str) -> Refusal:
    return Refusal(409, "Changed meanwhile", f"somebody else changed key {id} just now; look at it, and try again")


def _shown(key: StoredKey, source: str = "store") -> ApiKey:
    return ApiKey.model_validate({**_told(key), "source": source})


def _issued(key: StoredKey, text: str) -> IssuedKey:
    return IssuedKey.model_validate({**_told(key), "key": text})


def _told(key: StoredKey) -> dict[str, object]:
    return {
        "id": key.id,
        "tenant": key.tenant,
        "scopes": list(key.scopes),
        "name": key.name,
        "created_at": key.created_at or None,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "previous_until": key.previous_until,
    }
