"""Other bytes from some: of any kind, and of the kinds that readers read, whole on the outside and wrong within.

Bytes that are changed blindly stop at the first checksum or length. So archives are unpacked and packed again, with
good checksums, and headers get their right lengths, around what was changed.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

Blind = Callable[[bytes, random.Random], bytes]
"""Changes bytes of which nothing is known."""

DEEP = json.loads("[" * 80 + "]" * 80)
ATOMS: list[Any] = [None, True, -1, 0, 1, 2**31, 2**63, 1e308, "", "t", "os.system", [], {}, [[]], {"as_int": 1}, "\0"]
ATOMS += [10**400, float("nan"), {"as_float": 10**400}, {"as_string": "exec"}, "\ud800", DEEP]

WORDS = [*"uxtz", "x[0]", "x[1]", "pi", "e", "i", "d", "1", "0.5", "1e308", "64", "-", "+", "*", "/", "**", "(", ")"]
WORDS += [", ", "[", "]", " < ", " == ", "where(", "min(", "max(", "sum(", "mean(", "norm2(", "dot(x, ", "exp(", "log("]
WORDS += [
    "sqrt(",
    "sin(",
    "cos(",
    "tanh(",
    "abs(",
    "sigmoid(",
    "where(u < 0, ",
    " if ",
    " else ",
    "lambda: ",
    "0x",
    "1j",
]


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bits flipped, bytes set, pieces left out or copied."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        if not found:
            return bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        at = rng.randrange(len(found))
        match rng.randrange(4):
            case 0:
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                found[at] = rng.randrange(256)
            case 2:
                del found[at : at + rng.randrange(1, 200)]
            case _:
                other = rng.randrange(len(found))
                found[at:at] = found[other : other + rng.randrange(1, 200)]
        if len(found) < 8:
            break
    return bytes(found)


def mutate(value: Any, rng: random.Random) -> Any:
    """Somewhere in the JSON, something else."""
    if rng.random() < 0.25 or not value or not isinstance(value, dict | list):
        return rng.choice(ATOMS)
    if isinstance(value, dict):
        name = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {key: item for key, item in value.items() if key != name}
        return {**value, name: mutate(value[name], rng)}
    at = rng.randrange(len(value))
    if rng.random() < 0.2:
        return value[:at] + value[at + 1 :] + ([value[at]] if rng.random() < 0.5 else [])
    return [*value[:at], mutate(value[at], rng), *value[at + 1 :]]


def parts_of(value: Any) -> list[Any]:
    """The value and all that lies in it."""
    found, waiting = list[Any](), [value]
    while waiting and len(found) < 5_000:
        found.append(item := waiting.pop())
        waiting += item.values() if isinstance(item, dict) else item if isinstance(item, list) else []
    return found


def moved(value: Any, rng: random.Random) -> Any:
    """Somewhere in the JSON, what stands elsewhere in it: well-formed parts in wrong places."""
    part = rng.choice(parts_of(value))

    def put(at: Any) -> Any:
        if not at or not isinstance(at, dict | list) or rng.random() < 0.15:
            return part
        if isinstance(at, dict):
            name = rng.choice(sorted(at))
            return {**at, name: put(at[name])}
        index = rng.randrange(len(at))
        return [*at[:index], put(at[index]), *at[index + 1 :]]

    return put(value)


def mutated_json(text: bytes, rng: random.Random, blind: Blind) -> bytes:
    """Changed as JSON, mostly; where it is none, blindly."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return blind(text, rng)
    if rng.random() < 0.1:
        return blind(text, rng)
    for _ in range(rng.choice([1, 1, 1, 3])):
        value = (mutate if rng.random() < 0.6 else moved)(value, rng)
    return json.dumps(value).encode()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of an archive, or none where it is too broken for that."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {entry.filename: archive.read(entry) for entry in archive.infolist() if entry.file_size < 2**20}
    except Exception:
        return {}


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)  # ZipInfo: the same bytes at any time of day
    return buffer.getvalue()


def mutated_archive(data: bytes, rng: random.Random, blind: Blind = mutated_bytes) -> bytes:
    """A `.pt2` with other files in it, or with other bytes around them."""
    files = unpacked(data)
    if not files or rng.random() < 0.15:
        return blind(data, rng)
    name = rng.choice([name for name in files if name.endswith(".json")] or sorted(files))
    match rng.randrange(12):
        case 0:
            files = {key: content for key, content in files.items() if key != rng.choice(sorted(files))}
        case 1:
            name = rng.choice(sorted(files))
            files[name] = blind(files[name], rng)
        case 2:
            files[blind(name.encode("utf-8", "surrogatepass"), rng).decode("latin-1")[:300]] = files[name]
        case 3:
            files[name] = files[rng.choice(sorted(files))]
        case _:
            text = files[name]
            if b'"graph_module"' in text and rng.random() < 0.9:
                text = _within(text, "graph_module", rng, blind)
            else:
                text = mutated_json(text, rng, blind)
            files[name] = text
    return packed(files, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED]))


def _within(text: bytes, field: str, rng: random.Random, blind: Blind) -> bytes:
    """One field of an object changed, the others as they were."""
    try:
        whole = json.loads(text)
        inner = json.loads(mutated_json(json.dumps(whole[field]).encode(), rng, blind))
    except (ValueError, TypeError, KeyError, RecursionError):
        return blind(text, rng)
    return json.dumps({**whole, field: inner}).encode()


def mutated_safetensors(data: bytes, rng: random.Random, blind: Blind = mutated_bytes) -> bytes:
    """Another header, the card in it too, another body; the length says how long the header is."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8 or rng.random() < 0.15:
        return blind(data, rng)
    header, body = data[8 : 8 + length], data[8 + length :]
    if rng.random() < 0.2:
        body = blind(body, rng)
    elif rng.random() < 0.5 and (card := _card(header)) is not None:
        described = mutated_json(card.encode("utf-8", "surrogatepass"), rng, blind).decode("utf-8", "replace")
        header = json.dumps({**json.loads(header), "__metadata__": {"burnish.card": described}}).encode()
    else:
        header = mutated_json(header, rng, blind)
    return len(header).to_bytes(8, "little") + header + body


def _card(header: bytes) -> str | None:
    try:
        card = json.loads(header)["__metadata__"]["burnish.card"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return card if isinstance(card, str) else None


def mutated_npy(data: bytes, rng: random.Random, blind: Blind = mutated_bytes) -> bytes:
    """Another header of a `.npy`, with its right length, or another body."""
    if len(data) < 12 or rng.random() < 0.2:
        return blind(data, rng)
    end = 10 + int.from_bytes(data[8:10], "little")
    header, body = data[10:end], data[end:]
    match rng.randrange(3):
        case 0:
            body = blind(body, rng)
        case 1:
            header = blind(header, rng)
        case _:
            words = [b"True", b"-1", b"(2,", b"'<f4'", b"'|O'", b"10**9", b"{", b")", b"'shape'", b"0", b"\x00", b"L"]
            at = rng.randrange(len(header) + 1)
            header = header[:at] + rng.choice(words) + header[at + rng.randrange(6) :]
    header = header[:65_000]
    return data[:8] + len(header).to_bytes(2, "little") + header + body


def mutated_array(data: bytes, rng: random.Random, blind: Blind = mutated_bytes) -> bytes:
    """A `.npy` or safetensors."""
    return (mutated_npy if data.startswith(b"\x93NUMPY") else mutated_safetensors)(data, rng, blind)


def mutated_formula(data: bytes, rng: random.Random, blind: Blind = mutated_bytes) -> bytes:
    """Words of formulas put in, over, or in brackets around others."""
    if rng.random() < 0.3:
        return blind(data, rng)
    text = data.decode("latin-1")
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, to = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        match rng.randrange(5):
            case 0:
                text = text[:at] + rng.choice(WORDS) + text[at:]
            case 1:
                text = text[:at] + rng.choice(WORDS) + text[to:]
            case 2:
                text = f"{text[:at]}({text[at:to]}){text[to:]}"
            case 3:
                text = text[:at] + text[at:to] + text[at:]
            case _:
                text = f"{rng.choice([word for word in WORDS if word.endswith('(')])}{text})"
    return text[:2_100].encode("latin-1")
