"""The library as one tenant sees it: the files that it has sent, or that its jobs made."""

from __future__ import annotations

from burnish.wire.files import FileType, StoredFile
from burnish_workers.engine.library import Dropped, FilesPage, Library, TooManyBytes, user_of
from burnish_workers.engine.quotas import Caller, too_many_bytes


class OwnFiles:
    """For one request of `caller`. A file that only others have is one that does not exist.

    Equal bytes of several tenants are kept once: whoever sends them has them, and has shown so by sending them.
    """

    def __init__(self, library: Library, caller: Caller) -> None:
        self._library, self._caller, self._tenant = library, caller, caller.tenant

    async def add(self, file: StoredFile) -> StoredFile:
        most = (await self._caller.quota()).bytes
        try:
            kept = await self._library.add(file, self._tenant, most=most)
        except TooManyBytes as error:
            raise too_many_bytes(self._caller.bytes(most or 0, error.kept), file.bytes) from None
        if most is not None:
            self._caller.bytes(most, await self._library.bytes_of(self._tenant))
        return kept

    async def get(self, type: FileType, id: str) -> StoredFile | None:
        return await self._library.get(type, id) if await self._library.has(type, id, self._tenant) else None

    async def list(self, type: FileType, *, limit: int, after: str | None = None) -> FilesPage:
        return await self._library.list(type, limit=limit, after=after, tenant=self._tenant)

    async def use(self, type: FileType, id: str, job_id: str) -> bool:
        if not await self._library.has(type, id, self._tenant):
            return False
        return await self._library.use(type, id, user_of(self._tenant, job_id))

    async def unuse(self, type: FileType, id: str, job_id: str) -> None:
        await self._library.unuse(type, id, user_of(self._tenant, job_id))

    async def users(self, type: FileType, id: str) -> dict[str, float]:
        found = (await self._library.users(type, id)).items()
        names = {user: user.rpartition("/")[2] for user, _ in found}
        return {names[user]: age for user, age in found if user == user_of(self._tenant, names[user])}

    async def drop(self, type: FileType, id: str) -> Dropped:
        return await self._library.drop(type, id, self._tenant)
