"""Steps that are text: how they are kept as integers.

A step is the Unicode code points of its text. One that ended the chain of reasoning has `END` behind them, a number
that no character has.
"""

from __future__ import annotations

from burnish_workers.kinds.reasoning.protocols import Prefix, Step

END = 0x110000


def step_of(text: str, *, ended: bool) -> Step:
    """A step of a text. Halves of surrogate pairs, which JSON can hold and UTF-8 cannot, become U+FFFD."""
    sound = "".join("\ufffd" if 0xD800 <= ord(each) < 0xE000 else each for each in text)
    return (*map(ord, sound), *((END,) if ended else ()))


def text_of(step: Step) -> str:
    return "".join(chr(point) for point in step if point != END)


def ended(prefix: Prefix) -> bool:
    """Whether the last step ended the chain of reasoning."""
    return bool(prefix) and END in prefix[-1][-1:]
