"""Exact check of brackets: is what was given and written together a word of the Dyck language?"""

from __future__ import annotations

_OPENS = {")": "(", "]": "[", "}": "{", ">": "<"}
_BRACKETS = set(_OPENS) | set(_OPENS.values())


def passes(prompt: str, text: str) -> bool:
    """Whether `prompt + text` is balanced: brackets of the kinds ()[]{}<> and white space, nothing else.

    Each closing bracket closes the latest one that is open, of its own kind, and none is open at the end. The empty
    text passes behind a balanced prompt.
    """
    opened: list[str] = []
    for character in prompt + text:
        if character.isspace():
            continue
        if character not in _BRACKETS:
            return False
        if character not in _OPENS:
            opened.append(character)
        elif not opened or opened.pop() != _OPENS[character]:
            return False
    return not opened
