"""A language model of some 30,000 random weights, written in Hugging Face layout, and a real server that serves it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from burnish_workers.engine.sockets import free_port

ALPHABET = "abcdef0123456789+=. \n"
SPECIAL = ("<pad>", "<eos>", "<user>", "<bot>")
_TEMPLATE = (
    "{% for m in messages %}{{ ('<user>' if m['role'] == 'user' else '<bot>') + m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<bot>{% endif %}"
)


def write_model(folder: Path, *, samples: bool = True, scale: float = 1.5, seed: int = 0) -> Path:
    """A Llama of two layers over single characters. `samples`: its own configuration draws instead of taking the best.

    `scale`: of the weights of its head, so that its law is far from uniform.
    """
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = [*SPECIAL, *ALPHABET]
    bare = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))
    bare.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    bare.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bare,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<pad>",
        additional_special_tokens=["<user>", "<bot>"],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        eos_token_id=1,
        pad_token_id=0,
        bos_token_id=None,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(scale * 10)
        model.lm_head.weight[[0, 2, 3]] = 0.0
    drawing = {"do_sample": True, "top_k": 0} if samples else {}
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0, **drawing)
    model.save_pretrained(folder)
    return folder


@dataclass
class Server:
    """A server that runs. `url` ends with /v1; `model` as it names it."""

    url: str
    model: str
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://").removesuffix("/v1")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def running(command: list[str], port: int, model: str, log: Path, patience: float = 300.0) -> Iterator[Server]:
    """A child process that answers on `port`; it ends with the block."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    server = Server(f"http://127.0.0.1:{port}/v1", model, process)
    try:
        _await(server, log, patience)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def _await(server: Server, log: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"http://{server.host}/health", timeout=2, trust_env=False).status_code == 200:
                return
        if server.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the server did not come up:\n{log.read_text()[-3_000:]}")
        time.sleep(0.1)


@contextlib.contextmanager
def transformers_serve(model: Path, log: Path) -> Iterator[Server]:
    """`transformers serve` of a model directory."""
    port, program = free_port(), str(Path(sys.executable).parent / "transformers")
    command = [program, "serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with running(command, port, str(model), log) as server:
        yield server


@contextlib.contextmanager
def vllm_serve(model: Path, log: Path) -> Iterator[Server]:
    """vLLM of a model directory."""
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--enforce-eager", "--max-model-len", "512", "--seed", "1"]
    with running(command, port, str(model), log, patience=600.0) as server:
        yield server


def next_chances(folder: Path, prompt: str, temperature: float) -> dict[str, float]:
    """Chances of the next token's text after a prompt, by the model itself; the end and tokens without text are ""."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        logits = model(**tokenizer(prompt, return_tensors="pt")).logits[0, -1].double()
    found: dict[str, float] = {}
    for i, chance in enumerate(torch.softmax(logits / temperature, -1).tolist()):
        text = tokenizer.decode([i], skip_special_tokens=True)
        found[text] = found.get(text, 0.0) + chance
    return found
