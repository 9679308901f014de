"""Between tokens and text: the prompt as tokens, where a step ends, what it says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.language.setup import Setup
from burnish_workers.kinds.reasoning.protocols import Prefix

_REMEMBERED = 50_000


class Script:
    """The tokenizer of a model and the stops of a request."""

    def __init__(self, tokenizer: Any, stops: Sequence[str]):
        self._tokenizer, self._stops = tokenizer, tuple(stops)
        self._last = {stop[-1] for stop in stops}
        self._texts, self._closing = dict[Prefix, str](), dict[int, bool]()

    def text(self, prefix: Prefix) -> str:
        """All that was generated, special tokens left out."""
        found = self._texts.get(prefix)
        if found is None:
            found = self._decoded([token for step in prefix for token in step])
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            self._texts[prefix] = found
        return found

    def words(self, prefix: Prefix) -> list[str]:
        """What each step added to the text."""
        texts = [self.text(prefix[:k]) for k in range(len(prefix) + 1)]
        return [after[len(before) :] for before, after in pairwise(texts)]

    def stops(self, prefix: Prefix, step: Sequence[int]) -> bool:
        """Whether the text of a step holds a stop. Only its last token can have completed one."""
        if not self._stops or not self._may_close(step[-1]):
            return False
        before = self.text(prefix)
        added = self._decoded([token for each in (*prefix, step) for token in each])[len(before) :]
        return any(stop in added for stop in self._stops)

    def _may_close(self, token: int) -> bool:
        """Whether a token may hold the last character of a stop; decoding every step at every token would be slow."""
        known = self._closing.get(token)
        if known is None:
            piece = self._decoded([token])
            # A token that shows nothing alone, or part of a character, may show something among others.
            odd = not piece or "�" in piece or " " in self._last
            known = self._closing[token] = odd or any(last in piece for last in self._last)
        return known

    def _decoded(self, tokens: Sequence[int]) -> str:
        return self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def prompt_tokens(setup: Setup, tokenizer: Any) -> tuple[int, ...]:
    """The prompt as the model reads it. Raises SpecError: unknown characters, no chat template, too long."""
    problem = setup.problem
    if problem.prompt is not None:
        where, found = "/problem/prompt", tokenizer(problem.prompt, return_offsets_mapping=tokenizer.is_fast)
    else:
        where, text = "/problem/messages", _conversation(setup, tokenizer)
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=tokenizer.is_fast)
    tokens = tuple(int(token) for token in found["input_ids"])
    if not tokens:
        raise SpecError(where, f"the tokenizer of {setup.model.name!r} makes no tokens of it; write more")
    _check_known(setup, tokenizer, tokens, found.get("offset_mapping"), where)
    _check_length(setup, len(tokens), where)
    return tokens


def _conversation(setup: Setup, tokenizer: Any) -> str:
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        raise SpecError("/problem/messages", f"{setup.model.name!r} has no chat template; give a prompt instead")
    messages = [message.model_dump() for message in setup.problem.messages or []]
    try:
        return tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except TemplateError as error:
        what = f"the chat template of {setup.model.name!r} refuses them: {error!s:.200}"
        raise SpecError("/problem/messages", what) from None


def _check_known(setup: Setup, tokenizer: Any, tokens: Sequence[int], offsets: Any, where: str) -> None:
    unknown = tokenizer.unk_token_id
    if unknown is None or unknown not in tokens:
        return
    text, place = setup.problem.prompt, tokens.index(unknown)
    start, end = offsets[place] if offsets else (0, 0)
    piece = repr(text[start:end]) if text is not None and end > start else "a part of it"
    raise SpecError(where, f"the tokenizer of {setup.model.name!r} does not know {piece}; write it without")


def _check_length(setup: Setup, count: int, where: str) -> None:
    if count + setup.longest <= setup.model.context:
        return
    what = (
        f"the prompt has {count:,} tokens and {setup.depth} steps of up to {setup.steps.tokens} are {setup.longest:,}"
    )
    context = f"together more than the context of {setup.model.name!r}, {setup.model.context:,}"
    raise SpecError(where, f"{what}: {context}; shorten the prompt, or lower max_steps or problem.steps.tokens")
