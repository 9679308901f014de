from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from importlib import resources
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from burnish_workers.core.keys import Key
from burnish_workers.tensors.cards import CardError, load_card, save_card
from burnish_workers.tensors.diffusion import Diffusion
from burnish_workers.tensors.fields import Jet
from burnish_workers.tensors.generators import torch_generator
from burnish_workers.tensors.mlp import InputOrder, MLPField

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
DIM = 4
PINN = "viscous-burgers-pinn-d20"


def network(widths: list[int], order: InputOrder = "x then t", dtype: torch.dtype = torch.float64) -> MLPField:
    generator = torch_generator(Key(2, tuple(widths)))
    pairs = list(itertools.pairwise(widths))
    return MLPField(
        tuple(torch.randn(b, a, generator=generator, dtype=dtype) / a**0.5 for a, b in pairs),
        tuple(0.3 * torch.randn(b, generator=generator, dtype=dtype) for _, b in pairs),
        order,
    )


def points(batch: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch_generator(Key(6))
    t = torch.rand(batch, generator=generator, dtype=torch.float64)
    x = torch.randn(batch, DIM, generator=generator, dtype=torch.float64) + 0.3
    return t, x, torch.randn(batch, DIM, generator=generator, dtype=torch.float64)


def diffusions(x: Tensor) -> dict[str, Diffusion]:
    mixing = torch.linspace(-1, 2, 3 * x.shape[1], dtype=x.dtype).sin().reshape(-1, 3)
    return {
        "scalar": Diffusion(torch.tensor(0.7, dtype=x.dtype), "scalar"),
        "scalar per sample": Diffusion(0.3 + x[:, 0] ** 2, "scalar"),
        "diagonal": Diffusion(torch.linspace(-1, 2, x.shape[1], dtype=x.dtype), "diagonal"),
        "diagonal depending on x": Diffusion(0.2 * x, "diagonal"),
        "matrix": Diffusion(mixing, "matrix"),
    }


FORMS = list(diffusions(torch.zeros(2, 2)))


def oracle(u: MLPField, t: Tensor, x: Tensor, drift: Tensor, diffusion: Diffusion) -> Jet:
    """The jet by nested Jacobians of the plain value, vectorised over samples."""

    def single(time: Tensor, place: Tensor) -> Tensor:
        inputs = torch.cat([place, time[None]] if u.order == "x then t" else [time[None], place])
        for weight, bias in zip(u.weights[:-1], u.biases[:-1], strict=True):
            inputs = torch.tanh(weight @ inputs + bias)
        return (u.weights[-1] @ inputs + u.biases[-1])[0]

    value = torch.func.vmap(single)(t, x)
    by_t = torch.func.vmap(torch.func.jacrev(single, argnums=0))(t, x)
    by_x = torch.func.vmap(torch.func.jacrev(single, argnums=1))(t, x)
    hessian = torch.func.vmap(torch.func.jacfwd(torch.func.jacrev(single, argnums=1), argnums=1))(t, x)
    columns = diffusion.columns(x.shape[1]).expand(-1, -1, len(t))
    second = torch.einsum("ikb,bij,jkb->b", columns, hessian, columns)
    return Jet(value, diffusion.transpose(by_x), by_t + (drift * by_x).sum(-1) + 0.5 * second)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ["x then t", "t then x"])
@pytest.mark.parametrize("hidden", [[7], [6, 9], [5, 8, 8, 3, 6]])
@pytest.mark.parametrize("tracked", [False, True])
def test_the_forward_laplacian_agrees_with_nested_jacobians(
    form: str, order: InputOrder, hidden: list[int], tracked: bool
) -> None:
    u = network([DIM + 1, *hidden, 1], order)
    t, x, drift = points(9)
    wanted = oracle(u, t, x, drift, diffusions(x)[form])
    with torch.set_grad_enabled(tracked):
        jet = u.jet(t, x, drift, diffusions(x)[form])
        value = u.value(t, x)
    torch.testing.assert_close(value, wanted.u, rtol=1e-12, atol=1e-12)
    for part, other in zip(jet, wanted, strict=True):
        assert part.shape == other.shape
        torch.testing.assert_close(part, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_chunks_change_nothing(form: str) -> None:
    u = network([DIM + 1, 3000, 1])
    t, x, drift = points(41)
    with torch.no_grad():
        whole = u.jet(t, x, drift, diffusions(x)[form])
        first = u.jet(t[:7], x[:7], drift[:7], diffusions(x)[form].rows(0, 7))
        none = u.jet(t[:0], x[:0], drift[:0], diffusions(x)[form].rows(0, 0))
    assert whole.z.shape == (41, diffusions(x)[form].noise_dim(DIM))
    for part, head, empty in zip(whole, first, none, strict=True):
        torch.testing.assert_close(part[:7], head, rtol=1e-12, atol=1e-12)
        assert len(empty) == 0


def test_nothing_it_is_given_is_changed() -> None:
    u = network([DIM + 1, 6, 6, 6, 1])
    t, x, drift = points(9)
    given = [tensor.clone() for tensor in (t, x, drift, *u.weights, *u.biases)]
    with torch.no_grad():
        u.jet(t, x, drift, diffusions(x)["diagonal depending on x"])
    for before, after in zip(given, (t, x, drift, *u.weights, *u.biases), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("form", FORMS)
def test_every_part_can_be_differentiated_again(form: str) -> None:
    u = network([DIM + 1, 6, 5, 1])
    t, x, drift = points(9)

    def score(jet: Jet, part: int) -> Tensor:
        chosen = jet[part] if jet[part].ndim == 1 else jet[part].sum(1)
        return chosen @ torch.linspace(-1, 2, 9, dtype=x.dtype)

    for part in range(3):
        leaf = x.clone().requires_grad_()
        mine = torch.autograd.grad(score(u.jet(t, leaf, drift, diffusions(leaf)[form]), part), leaf)[0]

        def wanted(x: Tensor, part: int = part) -> Tensor:
            return score(oracle(u, t, x, drift, diffusions(x)[form]), part)

        torch.testing.assert_close(mine, torch.func.grad(wanted)(x), rtol=1e-10, atol=1e-10)


def test_single_precision_is_as_good_as_it_should_be() -> None:
    double = network([DIM + 1, 50, 50, 50, 1])
    single = double.to(dtype=torch.float32)
    t, x, drift = points(200)
    wanted = oracle(double, t, x, drift, diffusions(x)["scalar"])
    jet = single.jet(t.float(), x.float(), drift.float(), diffusions(x.float())["scalar"])
    for part, other in zip(jet, wanted, strict=True):
        assert part.dtype == torch.float32
        torch.testing.assert_close(part.double(), other, rtol=1e-4, atol=1e-5)


def test_shapes_that_do_not_chain() -> None:
    good = network([DIM + 1, 6, 5, 1])
    with pytest.raises(ValueError, match="layer 1 should map 6 inputs to 5 outputs"):
        MLPField((good.weights[0], good.weights[1].T.contiguous(), good.weights[2]), good.biases)
    with pytest.raises(ValueError, match="3 weights and 2 biases"):
        MLPField(good.weights, good.biases[:2])
    with pytest.raises(ValueError, match="known: 'x then t', 't then x'"):
        MLPField(good.weights, good.biases, "time first")  # pyright: ignore[reportArgumentType]


# Cards --------------------------------------------------------------------------------------------------------------


def shipped(name: str = PINN) -> Path:
    return Path(str(resources.files("burnish_workers.kinds.surrogate") / "models" / f"{name}.json"))


@pytest.mark.parametrize(("name", "least", "most"), [(PINN, 1e-4, 2e-3), (f"{PINN}-early", 0.02, 0.1)])
def test_the_shipped_surrogates_are_what_their_cards_say(name: str, least: float, most: float) -> None:
    about = json.loads(shipped(name).read_text())["about"]
    u = load_card(shipped(name))
    assert u.dim == 20
    generator = torch.Generator().manual_seed(99)
    t = torch.rand(20_000, generator=generator) / 2
    x = torch.rand(20_000, 20, generator=generator) - 0.5
    exact = torch.sigmoid(t + x.sum(-1))
    error = ((u.value(t, x) - exact).norm() / exact.norm()).item()
    assert error == pytest.approx(about["relative_l2"], rel=0.1)
    assert least < error < most
    assert shipped(name).with_suffix(".safetensors").stat().st_size < 100_000


@pytest.mark.parametrize("order", ["x then t", "t then x"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cards_round_trip(tmp_path: Path, order: InputOrder, dtype: torch.dtype) -> None:
    u = network([DIM + 1, 6, 5, 1], order, dtype)
    save_card(u, tmp_path / "net.json", {"problem": "none"})
    again = load_card(tmp_path / "net.json")
    assert again.order == order
    for mine, theirs in zip(u.weights + u.biases, again.weights + again.biases, strict=True):
        assert torch.equal(mine, theirs)
        assert mine.dtype == theirs.dtype


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "'format_version' should be 1, the card says 2"),
        ({"activation": "relu"}, "'activation' should be 'tanh'"),
        ({"dim": 19}, "'dim' should be 20"),
        ({"layers": [21, 1]}, "at least three positive widths"),
        ({"layers": [21, 50, True, 1]}, "at least three positive widths"),
        ({"layers": [21, 50, 50, 50, 50, 50, 2]}, "should end in 1"),
        ({"layers": [21, 50, 50, 50, 50, 1]}, "'tensors' should be"),
        ({"layers": [21, 50, 50, 40, 50, 50, 1]}, "tensor 'layer2.weight' should be"),
        ({"input_order": "t"}, "'input_order' should be one of"),
        ({"dtype": "float64"}, "should be torch.float64"),
        ({"dtype": ["float64"]}, "'dtype' should be one of"),
        ({"sha256": "0" * 64}, "'sha256' should be"),
        ({"file": "../secret.safetensors"}, "'file' should name a .safetensors file next to the card"),
        ({"file": "model.pt"}, "'file' should name a .safetensors file"),
        ({"file": None}, "'file' should name a .safetensors file"),
    ],
)
def test_cards_that_contradict_their_tensors(tmp_path: Path, change: dict[str, object], message: str) -> None:
    shutil.copy(shipped().with_suffix(".safetensors"), tmp_path)
    card = {**json.loads(shipped().read_text()), **change}
    (tmp_path / "bad.json").write_text(json.dumps(card))
    with pytest.raises(CardError) as caught:
        load_card(tmp_path / "bad.json")
    assert message in str(caught.value)


def test_files_that_are_no_cards(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    with pytest.raises(FileNotFoundError):
        load_card(path)
    for text, message in (("{", "is not JSON"), ("[]", "should hold a JSON object, it holds a list")):
        path.write_text(text)
        with pytest.raises(CardError, match=message):
            load_card(path)


def test_tensors_that_are_damaged(tmp_path: Path) -> None:
    u = network([DIM + 1, 6, 1])
    save_card(MLPField((u.weights[0] * float("nan"), u.weights[1]), u.biases), tmp_path / "net.json", {})
    with pytest.raises(CardError, match=r"tensor 'layer0.weight' holds values that are not finite"):
        load_card(tmp_path / "net.json")
    card = json.loads((tmp_path / "net.json").read_text())
    for payload, message in (
        (b"not tensors", "not valid safetensors"),
        (safetensors.torch.save({"other": torch.ones(2)}), "it holds"),
    ):
        (tmp_path / "net.safetensors").write_bytes(payload)
        with pytest.raises(CardError, match="'sha256' should be"):
            load_card(tmp_path / "net.json")
        (tmp_path / "net.json").write_text(json.dumps({**card, "sha256": hashlib.sha256(payload).hexdigest()}))
        with pytest.raises(CardError, match=message):
            load_card(tmp_path / "net.json")
