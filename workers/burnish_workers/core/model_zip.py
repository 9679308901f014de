"""The archive of a `.pt2` file, opened with suspicion: entries by name, or ModelRejected."""

from __future__ import annotations

import io
import itertools
import zipfile

from burnish_workers.core.model_rejected import ModelRejected

MAGIC = b"PK\x03\x04"
_LISTED = b"PK\x01\x02"
MOST_ENTRIES = 2_000
MOST_BYTES = 64 * 2**20
MOST_RATIO = 100.0
"""Weights hardly compress, and the graph, which is text, compresses about twentyfold."""


def read_archive(data: bytes) -> dict[str, bytes]:
    """The files of the archive by name, without the folder that all of them lie in."""
    if not data.startswith(MAGIC):
        raise ModelRejected("unsafe_archive", "the file does not begin with its archive")
    listed = data.count(_LISTED)
    if listed > MOST_ENTRIES:  # before anybody makes an object of each
        raise ModelRejected("zip_bomb", f"the archive lists {listed} entries; at most {MOST_ENTRIES} are accepted")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check(entries, len(data))
            return _without_folder({entry.filename: _content(archive, entry) for entry in entries})
    except (ModelRejected, MemoryError):
        raise
    except Exception as error:  # whatever zipfile makes of bytes that were meant to break it
        raise ModelRejected("corrupt", f"the archive cannot be read ({type(error).__name__}: {error!s:.120})") from None


def _check(entries: list[zipfile.ZipInfo], size: int) -> None:
    if not 1 <= len(entries) <= MOST_ENTRIES:
        raise ModelRejected("zip_bomb", f"the archive has {len(entries)} entries; 1 to {MOST_ENTRIES} are accepted")
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES or total > MOST_RATIO * size:
        raise ModelRejected("zip_bomb", f"the archive of {size} bytes would unpack to {total}")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise ModelRejected("unsafe_archive", "the archive holds the same name twice")
    for entry in entries:
        _check_entry(entry)
    spans = sorted((entry.header_offset, entry.header_offset + entry.compress_size) for entry in entries)
    if any(end > start for (_, end), (start, _) in itertools.pairwise(spans)):
        raise ModelRejected("zip_bomb", "entries of the archive overlap")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in name or "\0" in name or {"..", "."} & set(parts):
        raise ModelRejected("unsafe_archive", f"entry {name!r:.100} leads out of the archive")
    if entry.flag_bits & 0x41:
        raise ModelRejected("unsafe_archive", f"entry {name!r:.100} is encrypted")
    if (entry.external_attr >> 16) & 0o170000 == 0o120000:
        raise ModelRejected("unsafe_archive", f"entry {name!r:.100} is a link")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelRejected("unsafe_archive", f"entry {name!r:.100} is compressed by method {entry.compress_type}")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise ModelRejected("corrupt", f"entry {entry.filename!r:.100} is not as long as the directory says")
    return content


def _without_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    """Archives of torch keep everything in one folder, named after the file that was written."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) == 1 and all("/" in name for name in files) and not tops & {"data", "models"}:
        return {name.partition("/")[2]: content for name, content in files.items()}
    return files
