"""What a `posterior` job conditions on: an observation, a reward, a class, or several of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from burnish.wire.base import Wire
from burnish.wire.files import ModelName, ModelReference
from burnish.wire.specs.choices import nested, pick
from burnish.wire.specs.priors import MOST_DIM, Numbers

Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class Identity(Wire):
    """All coordinates are seen."""

    type: Literal["identity"]


class Inpaint(Wire):
    """Some coordinates are seen: y = x where the mask is 1."""

    type: Literal["inpaint"]
    mask: Numbers = Field(description="1 where seen, 0 where missing; the shape of a sample.")


class Blur(Wire):
    """A convolution with zero padding: with a Gaussian of `width` pixels, or with a kernel of odd size."""

    type: Literal["blur"]
    width: float | None = Field(default=None, gt=0, le=100)
    kernel: Numbers | None = None


class Downsample(Wire):
    """Means over blocks of factor x factor pixels."""

    type: Literal["downsample"]
    factor: int = Field(ge=2, le=64)


class Projection(Wire):
    """y = A x with rows of independent N(0, 1/d) numbers drawn from `seed`."""

    type: Literal["projection"]
    rows: int = Field(ge=1, le=MOST_DIM)
    seed: int = Field(default=0, ge=0, le=2**53 - 1)


class Matrix(Wire):
    """y = A x, A of shape (rows, d)."""

    type: Literal["matrix"]
    matrix: Numbers


class Formula(Wire):
    """y = H(x): expressions over x, one per observed number, or one that gives a vector."""

    type: Literal["expression"]
    expression: Annotated[
        Annotated[Text, Tag("one")] | Annotated[list[Text], Field(min_length=1, max_length=1_024), Tag("each")],
        nested("one", "each"),
    ]


class Network(ModelReference):
    """y = H(x): an uploaded network of t (which it is told 0) and x that gives one number, or as many as x has."""

    type: Literal["model"]


Operator = Annotated[
    Identity | Inpaint | Blur | Downsample | Projection | Matrix | Formula | Network, Field(discriminator="type")
]


_Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]


class Observation(Wire):
    """y = H(x) + sigma noise."""

    operator: Operator = Identity(type="identity")
    y: Numbers
    sigma: Annotated[
        Annotated[_Deviation, Tag("one")] | Annotated[list[_Deviation], Tag("each")], nested("one", "each")
    ] = Field(description="Standard deviation of the noise, positive: one number, or one per observed number.")


class RewardFormula(Wire):
    """The prior times exp(R(x)/temperature), R an expression over x."""

    expression: Text
    temperature: float = Field(default=1.0, ge=1e-9, le=1e9)


class RewardNetwork(ModelReference):
    """The prior times exp(R(x)/temperature), R an uploaded network of t (which it is told 0) and x."""

    temperature: float = Field(default=1.0, ge=1e-9, le=1e9)


Reward = Annotated[
    Annotated[RewardFormula, Tag("formula")] | Annotated[RewardNetwork, Tag("network")],
    pick(("model", "network"), ("expression", "formula")),
]


class Condition(Wire):
    """The prior times p(label | x) of a classifier of clean samples: an uploaded network that gives logits."""

    classifier: ModelName
    label: int = Field(ge=0, le=10**6)
