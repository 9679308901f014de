"""The library on Redis or Valkey: a hash of files by type, their order of arrival, and who names them."""

from __future__ import annotations

from burnish.wire.files import FileType, StoredFile
from burnish_workers.engine.library import Dropped, FilesPage, TooManyBytes
from burnish_workers.engine.redis_durability import check_room
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.tenants import DEFAULT


class RedisLibrary:
    """Files over one link, which may serve other ports too."""

    def __init__(self, link: RedisLink) -> None:
        self._link, self._keys = link, link.keys

    async def add(self, file: StoredFile, tenant: str = DEFAULT, *, most: int | None = None) -> StoredFile:
        check_room(await self._link.memory())
        keys = self._keys
        touched = [keys.files(file.type), keys.files_order(file.type, tenant), keys.checking, keys.work]
        touched += [keys.owners(file.type, file.id), keys.bytes]
        checking, limit = "1" if file.state == "checking" else "0", "" if most is None else most
        words = (file.id, file.model_dump_json(), checking, tenant, file.bytes, limit)
        match await self._link.run("library_add", touched, *words, durable=True):
            case ["full", there]:
                raise TooManyBytes(int(there))
            case [_, kept]:
                return StoredFile.model_validate_json(kept)
        raise AssertionError("unreachable")

    async def has(self, type: FileType, id: str, tenant: str) -> bool:
        return await self._link.command("ZSCORE", self._keys.files_order(type, tenant), id) is not None

    async def bytes_of(self, tenant: str) -> int:
        return int(await self._link.command("HGET", self._keys.bytes, tenant) or 0)

    async def get(self, type: FileType, id: str) -> StoredFile | None:
        kept = await self._link.command("HGET", self._keys.files(type), id)
        return StoredFile.model_validate_json(kept) if kept else None

    async def list(self, type: FileType, *, limit: int, after: str | None = None, tenant: str = DEFAULT) -> FilesPage:
        order = self._keys.files_order(type, tenant)
        rank = await self._link.command("ZREVRANK", order, after) if after else None
        start = 0 if rank is None else int(rank) + 1
        ids = await self._link.command("ZREVRANGE", order, start, start + limit)
        kept = await self._link.command("HMGET", self._keys.files(type), *ids) if ids else []
        files = [StoredFile.model_validate_json(text) for text in kept[:limit] if text]
        return FilesPage(files, has_more=len(ids) > limit)

    async def to_check(self, lease: float) -> StoredFile | None:
        touched = [self._keys.checking, self._keys.files("model")]
        kept = await self._link.run("library_claim", touched, lease)
        return StoredFile.model_validate_json(kept) if kept else None

    async def settle(self, file: StoredFile) -> None:
        touched = [self._keys.files(file.type), self._keys.checking]
        await self._link.run("library_settle", touched, file.id, file.model_dump_json())

    async def use(self, type: FileType, id: str, job_id: str) -> bool:
        touched = [self._keys.files(type), self._keys.users(type, id)]
        return bool(await self._link.run("library_use", touched, id, job_id))

    async def unuse(self, type: FileType, id: str, job_id: str) -> None:
        await self._link.command("HDEL", self._keys.users(type, id), job_id)

    async def users(self, type: FileType, id: str) -> dict[str, float]:
        now = await self._link.command("TIME")
        flat = await self._link.command("HGETALL", self._keys.users(type, id))
        pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
        return {job: float(now[0]) - float(since) for job, since in pairs}

    async def drop(self, type: FileType, id: str, tenant: str = DEFAULT) -> Dropped:
        keys = self._keys
        touched = [keys.files(type), keys.files_order(type, tenant), keys.checking, keys.owners(type, id)]
        touched += [keys.bytes, keys.users(type, id), keys.files_order(type)]
        return await self._link.run("library_drop", touched, id, tenant, durable=True)

    async def remove(self, type: FileType, id: str) -> bool:
        owners = await self._link.command("SMEMBERS", self._keys.owners(type, id))
        found = [await self.drop(type, id, tenant) for tenant in {*owners, DEFAULT}]
        return any(one != "missing" for one in found)
