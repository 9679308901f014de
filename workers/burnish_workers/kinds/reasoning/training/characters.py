"""Tokenizers whose tokens are characters."""

from __future__ import annotations

from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNKNOWN = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIAL = (PAD, BOS, EOS, UNKNOWN)

CHAT = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""A conversation is what was said in it, one after another."""


def vocabulary(alphabet: str) -> dict[str, int]:
    """Token ids: the special tokens, then the characters in their order."""
    return {token: index for index, token in enumerate((*SPECIAL, *alphabet))}


def tokenizer(alphabet: str, context: int) -> PreTrainedTokenizerFast:
    """A fast tokenizer: each character of `alphabet` is a token, texts begin with <bos>, all else is <unk>."""
    known = vocabulary(alphabet)
    inner: Any = Tokenizer(models.WordLevel(known, unk_token=UNKNOWN))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    inner.decoder = decoders.Fuse()
    inner.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, known[BOS])])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT,
    )
