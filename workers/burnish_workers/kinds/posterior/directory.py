"""What a diffusers directory says of its model: architecture, sample shape, classes, schedule, clipping. JSON alone.

Read here, and not by diffusers, so that the front can judge requests without torch, and so that a configuration that
this kind would run differently than diffusers does is refused by name in place of being half understood.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from burnish_workers.core.registry import near
from burnish_workers.kinds.posterior.schedules import BETAS, Array, Schedule, alphas_cumprod, cumulated

Prediction = Literal["epsilon", "v", "sample", "flow", "edm"]

NETWORKS = ("UNet2DModel",)
PREDICTIONS: dict[str, Prediction] = {"epsilon": "epsilon", "v_prediction": "v", "sample": "sample"}
CALIBRATION = "calibration.safetensors"
_CARD = "burnish.json"


class PriorError(ValueError):
    """A directory that cannot serve as a prior; the message says which, why, and what is supported."""


@dataclass(frozen=True, eq=False)
class Prior:
    """A pretrained diffusion model in a diffusers directory.

    `shape`: of one sample, channels first; `classes`: how many labels 0..classes-1 it knows, 0 where it takes none;
    `null_class`: the label that stands for none, None where it must be told a class; `clip`: the bound c of
    |x0_hat| <= c, by which its scheduler clips; `scheduler`: its configuration; `card`: our burnish.json, where it has
    one.
    """

    name: str
    folder: Path
    shape: tuple[int, ...]
    classes: int
    null_class: int | None
    prediction: Prediction
    schedule: Schedule
    clip: float | None
    scheduler: dict[str, Any]
    card: dict[str, Any]

    @property
    def weights(self) -> list[Path]:
        """The safetensors files of the network."""
        return sorted((self.folder / "unet").glob("*.safetensors"))

    @property
    def calibration(self) -> Path:
        """Where `calibrate` keeps the covariance of its residual."""
        return self.folder / CALIBRATION


def read_directory(name: str, folder: Path) -> Prior:
    """The prior that a directory holds. Raises PriorError."""
    try:
        return _read(name, folder)
    except PriorError as error:
        raise PriorError(f"prior {name!r} in {folder}: {error}") from None


def _read(name: str, folder: Path) -> Prior:
    index = _json(folder, "model_index.json")
    if decoders := sorted({"vae", "vqvae", "movq"} & set(index)):
        raise PriorError(f"it diffuses the latents of a decoder ({decoders[0]}); only models of samples are supported")
    unet = _json(folder, "unet/config.json")
    _known("network", unet.get("_class_name"), NETWORKS)
    _check_weights(folder / "unet")
    scheduler = _json(folder, "scheduler/scheduler_config.json")
    _known("scheduler", scheduler.get("_class_name"), SCHEDULERS)
    prediction, schedule, clip = SCHEDULERS[scheduler["_class_name"]](scheduler)
    card = _json(folder, _CARD) if (folder / _CARD).exists() else {}
    classes, null_class = _classes(unet, card)
    return Prior(name, folder, _shape(unet), classes, null_class, prediction, schedule, clip, scheduler, card)


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text())
    except OSError:
        raise PriorError(f"there is no {name}; it must be a directory as save_pretrained writes it") from None
    except (ValueError, RecursionError) as error:
        raise PriorError(f"{name} is not JSON: {error!s:.100}") from None
    if not isinstance(found, dict):
        raise PriorError(f"{name} should hold an object, it holds a {type(found).__name__}")
    return found


def _known(what: str, name: Any, known: Any) -> None:
    if name not in known:
        raise PriorError(f"{what}: {near(str(name), known)}")


def _check_weights(unet: Path) -> None:
    if any(unet.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in unet.glob("*") if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl"))
    found = f"its weights are pickled ({pickled[0]}), which can run code" if pickled else "there are no weights in unet"
    raise PriorError(f"{found}; save them with save_pretrained(..., safe_serialization=True)")


def _shape(unet: dict[str, Any]) -> tuple[int, ...]:
    size: Any = unet.get("sample_size")
    channels: Any = unet.get("in_channels", 3)
    if channels != unet.get("out_channels", 3):
        what = f"takes {channels} channels and gives {unet.get('out_channels', 3)}"
        raise PriorError(f"the network {what}: learned variances are not supported")
    sides: list[Any] = size if isinstance(size, list) else [size, size]
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in (*sides, channels)):
        raise PriorError(f"unet/config.json says sample_size {size!r}; it must be a side or [height, width]")
    return channels, *sides


def _classes(unet: dict[str, Any], card: dict[str, Any]) -> tuple[int, int | None]:
    """How many labels can be asked for, and the one that stands for none, which only our card can tell."""
    if unet.get("class_embed_type") is not None:
        raise PriorError(f"class_embed_type {unet['class_embed_type']!r} is not supported; labels must be integers")
    known, null_class = int(unet.get("num_class_embeds") or 0), card.get("null_class")
    if null_class is None:
        return known, None
    if null_class != known - 1:
        raise PriorError(f"{_CARD} says null_class {null_class!r}; with {known} embeddings it can only be {known - 1}")
    return known - 1, null_class


Read = tuple[Prediction, Schedule, float | None]


def _discrete(config: dict[str, Any]) -> Read:
    """DDPM and DDIM: x in the scale in which alpha^2 + sigma^2 = 1, x0_hat clipped unless it says otherwise."""
    _refuse(config, thresholding=False, rescale_betas_zero_snr=False)
    bound = _number(config, "clip_sample_range", 1.0) if config.get("clip_sample", True) else None
    table = _table(config)
    return _prediction(config), Schedule("vp", table, len(table)), bound


def _euler(config: dict[str, Any]) -> Read:
    """EulerDiscrete: the same networks, sampled in the scale in which alpha = 1."""
    _refuse(config, timestep_type="discrete", rescale_betas_zero_snr=False)
    table = _table(config)
    return _prediction(config), Schedule("ve", table, len(table)), None


def _edm(config: dict[str, Any]) -> Read:
    """EDMEuler: Karras's preconditioning around the network."""
    _refuse(config, prediction_type="epsilon")
    low, high, data = (
        _number(config, *each) for each in (("sigma_min", 0.002), ("sigma_max", 80), ("sigma_data", 0.5))
    )
    if not (0 < low < high and data > 0):
        what = f"sigma_min {low:g}, sigma_max {high:g}, sigma_data {data:g}"
        raise PriorError(f"its scheduler says {what}; they must be positive, and the first below the second")
    return "edm", Schedule("edm", sigma_min=low, sigma_max=high, sigma_data=data), None


def _flow(config: dict[str, Any]) -> Read:
    """FlowMatchEuler: x_t = (1 - t) x_0 + t eps. Its shift places the steps of its own sampler, which is not used."""
    _refuse(config, invert_sigmas=False)
    return "flow", Schedule("flow", train_steps=_steps(config)), None


SCHEDULERS = {
    "DDPMScheduler": _discrete,
    "DDIMScheduler": _discrete,
    "EulerDiscreteScheduler": _euler,
    "EDMEulerScheduler": _edm,
    "FlowMatchEulerDiscreteScheduler": _flow,
}
"""Schedulers that are understood, by their names in diffusers."""


def _refuse(config: dict[str, Any], **only: Any) -> None:
    """Options whose other values would change what the model means."""
    for option, value in only.items():
        if config.get(option, value) != value:
            what = f"its scheduler says {option}={config[option]!r}; only {value!r} is supported"
            raise PriorError(f"{what} for {config['_class_name']}")


def _prediction(config: dict[str, Any]) -> Prediction:
    kind = config.get("prediction_type", "epsilon")
    _known("prediction_type", kind, PREDICTIONS)
    return PREDICTIONS[kind]


def _number(config: dict[str, Any], option: str, default: float) -> float:
    value = config.get(option, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise PriorError(f"its scheduler says {option}={value!r}, which is no number")
    return float(value)


def _steps(config: dict[str, Any]) -> int:
    return int(_number(config, "num_train_timesteps", 1_000))


def _table(config: dict[str, Any]) -> Array:
    """alpha^2 by index, as diffusers would compute it."""
    if config.get("trained_betas") is not None:
        table = cumulated(np.asarray(config["trained_betas"], dtype=np.float64))
    else:
        kind = config.get("beta_schedule", "linear")
        _known("beta_schedule", kind, BETAS)
        ends = _number(config, "beta_start", 0.0001), _number(config, "beta_end", 0.02)
        table = alphas_cumprod(kind, _steps(config), *ends)
    if table.ndim != 1 or len(table) < 2 or not _falls(table):
        raise PriorError("its betas must all lie between 0 and 1, at least two of them")
    return table


def _falls(table: Array) -> bool:
    return bool(table[-1] > 0 and table[0] < 1 and np.all(np.diff(table) < 0))
