"""A language model of a few thousand random weights that tests write themselves, in Hugging Face layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECIAL = ("<pad>", "<eos>", "<unk>")
_TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}={% endif %}"


def write_tiny(
    folder: Path,
    alphabet: str = "ab;=",
    *,
    card: dict[str, Any] | None = None,
    value: bool = True,
    seed: int = 0,
    scale: float = 8.0,
    width: int = 32,
    layers: int = 2,
    context: int = 128,
) -> Path:
    """A Llama over single characters. `scale`: of its head, so that its law is far from uniform."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [*SPECIAL, *alphabet]
    bare = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    bare.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    bare.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bare,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=context,
        eos_token_id=1,
        pad_token_id=0,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(scale)
        model.lm_head.weight[[0, 2]] = 0.0
    model.save_pretrained(folder)
    if value:
        head = {"weight": torch.randn(1, width) * 0.2, "bias": torch.zeros(1)}
        save_file(head, folder / "value_head.safetensors")
    if card is not None:
        (folder / "card.json").write_text(json.dumps(card))
    return folder
