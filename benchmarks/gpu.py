"""What a GPU buys, and whether its answers agree: `make bench-gpu`.

    python benchmarks/gpu.py [--tiny] [--json FILE]

Needs core, tensors and kinds only: no Ray, no store, no service. On a machine without a GPU it runs tiny sizes on the
processor, so that the one command is known to work. Exits with 1 when bits differ on repetition or answers between
devices by more than 1e-5.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import burnish
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.registry import registry
from burnish_workers.kinds.surrogate.trained import trained_models
from burnish_workers.tensors.cards import load_card
from burnish_workers.tensors.devices import numeric_class, resolve_device
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.engines import with_engine
from burnish_workers.tensors.fields import Field
from burnish_workers.tensors.graph import load_model

AGREE = 1e-5
SEED = 7


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second, also where there is a GPU")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    devices = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    tiny = arguments.tiny or len(devices) == 1
    rows = [row for device in devices for row in (*jets(device, tiny), *blocks(device, tiny))]
    first = {row["what"]: row["rate"] for row in reversed(rows)}
    for row in rows:
        row["speed_up"] = row["rate"] / first[row["what"]]
        row["difference"] = difference(row.pop("answer"), row["base"])
        row["agrees"] = row["difference"] <= AGREE
        print(
            f"{row['device']:8} {row['what']:34} {row['rate']:12,.0f}/s  {row['speed_up']:8.2f}x  "
            f"repeats {'yes' if row['repeats'] else 'NO'}  differs {row['difference']:.1e}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([{k: v for k, v in row.items() if k != "base"} for row in rows], indent=1))
    good = all(row["repeats"] and row["agrees"] for row in rows)
    print("all agree" if good else "SOMETHING DIFFERS")
    return 0 if good else 1


def difference(mine: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(mine - theirs).max() / max(float(np.abs(theirs).max()), 1e-30))


def timed(call: Any, device: torch.device, least: float) -> tuple[float, Any]:
    """Seconds of a call, the fastest of those that fit into `least` seconds, and what it gave."""
    result = call()
    fastest, until = float("inf"), time.perf_counter() + least
    while time.perf_counter() < until or fastest == float("inf"):
        began = time.perf_counter()
        result = call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        fastest = min(fastest, time.perf_counter() - began)
    return fastest, result


_BASE: dict[str, np.ndarray] = {}


def row_of(device: torch.device, what: str, rate: float, answer: np.ndarray, repeats: bool) -> dict[str, Any]:
    base = _BASE.setdefault(what, answer)
    return {
        "device": str(device),
        "class": numeric_class(device),
        "what": what,
        "rate": rate,
        "answer": answer,
        "base": base,
        "repeats": repeats,
    }


def jets(name: str, tiny: bool) -> list[dict[str, Any]]:
    """Value, gradient and generator of the shipped 5x50 network, as a card and as an uploaded file, by each engine."""
    device = resolve_device(name)
    card = load_card(trained_models()["viscous-burgers-pinn-d20"].path).to(device)
    layers: list[nn.Module] = []
    for weight, bias in zip(card.weights, card.biases, strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight.cpu(), "bias": bias.cpu()})
        layers += [layer, nn.Tanh()]
    inputs = "xt" if card.order == "x then t" else "tx"
    uploaded = load_model(burnish.export(nn.Sequential(*layers[:-1]), card.dim, inputs=inputs).data, device)
    rows = 512 if tiny else (8_192 if device.type == "cpu" else 262_144)
    return [
        jet(device, f"{engine}, {source}", with_engine(field, engine, card.dim), rows, tiny)
        for source, field in (("card", card), (".pt2", uploaded))
        for engine in ("forward", "nested", "hutchinson", "coordinates")
    ]


@torch.no_grad()
def jet(device: torch.device, what: str, field: Field, rows: int, tiny: bool) -> dict[str, Any]:
    """One engine. Probes differ between devices: u and z must agree, and the generator where it is exact."""
    generator = torch.Generator().manual_seed(SEED)
    t, x = torch.rand(rows, generator=generator), torch.rand(rows, field.dim, generator=generator)
    t, x = t.to(device), x.to(device)
    drift, diffusion = torch.zeros_like(x), Diffusion(torch.tensor(0.25, device=device), "scalar")
    exact = what.startswith(("forward", "nested"))

    def call() -> torch.Tensor:
        probes = torch.Generator(device).manual_seed(SEED)
        found = field.jet(t, x, drift, diffusion, probes)
        parts = (found.u[:, None], found.z, found.generated[:, None])
        return torch.cat(parts, 1)

    seconds, first = timed(call, device, 0.2 if tiny else 3.0)
    same = bool(torch.equal(first, call()))
    answer = first[:512] if exact else first[:512, :-1]
    return row_of(device, f"jets d = 20, {what}", rows / seconds, answer.double().cpu().numpy(), same)


def blocks(name: str, tiny: bool) -> list[dict[str, Any]]:
    """Replicates of whole blocks: at one point of Burgers' equation, and of an equation by expressions in d = 100."""
    problems = {
        "replicates, viscous-burgers d = 20": {
            "problem": {"name": "viscous-burgers"},
            "surrogate": {"name": "viscous-burgers-pinn-d20"},
        },
        "replicates, allen-cahn d = 100": {
            "problem": {"name": "allen-cahn"},
            "surrogate": {"expression": "1.08/(2 + 0.4*(norm2(x) + 2*d*(0.3 - t)))"},
        },
    }
    return [block(name, what, spec, tiny) for what, spec in problems.items()]


def block(name: str, what: str, spec: dict[str, Any], tiny: bool) -> dict[str, Any]:
    device, kind = resolve_device(name), registry().get("surrogate")
    size = 64 if tiny else (1_024 if device.type == "cpu" else 65_536)
    points = [{"x": 0.1 * i} for i in range(4)]
    posted = kind.spec.model_validate(
        {"kind": "surrogate", "points": points, "budget": {"units": 1}, "seed": SEED, **spec}
    )
    draft = kind.draft(posted, numeric_class(device), NOTHING)
    resolution = {
        "version": draft.version,
        "estimator": draft.estimator,
        "numeric_class": numeric_class(device),
        "first_block": size,
        "block": size,
        "blocks_planned": 1,
        "first_look": 1,
        "micro_batch": draft.micro_batch,
        "tail": 32,
        "extensible": False,
        "plan": draft.plan,
    }
    resolved = kind.spec.model_validate({**posted.model_dump(mode="json"), "resolution": resolution})
    simulator, statistics = kind.load()(resolved, name, NOTHING), kind.statistics(resolved, NOTHING)

    def call(replicates: int = size) -> Any:
        return simulator.advance({}, block_key(SEED, 0, 0), 0, replicates)[1]

    seconds, stats = timed(call, device, 0.2 if tiny else 3.0)
    again = call()
    same = all(np.array_equal(stats[key], again[key], equal_nan=True) for key in stats)
    # Streams differ between devices: what must agree is what does not depend on them.
    state = statistics.fold(statistics.empty(), call(64))
    answer = state["surrogate"].mean
    return row_of(device, what, size / seconds, np.asarray(answer), same)


if __name__ == "__main__":
    sys.exit(main())
