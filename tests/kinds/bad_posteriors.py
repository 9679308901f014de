"""A table of wrong specs of kind `posterior`: (name, the spec, the pointer, what the answer must say)."""

from __future__ import annotations

import copy
from typing import Any

from burnish_workers.kinds.posterior.sampling import VERSION

Json = dict[str, Any]
BUDGET = {"units": 4_000}

MIXTURE: Json = {
    "kind": "posterior",
    "prior": {"mixture": {"means": [[-1.0, 0.0], [1.0, 0.0]]}},
    "observation": {"operator": {"type": "identity"}, "y": [0.5, 0.2], "sigma": 0.5},
    "budget": BUDGET,
    "seed": 3,
}
DIGITS: Json = {
    "kind": "posterior",
    "prior": {"name": "digits"},
    "observation": {
        "operator": {"type": "inpaint", "mask": [[1] * 8] * 4 + [[0] * 8] * 4},
        "y": [-1.0] * 32,
        "sigma": 0.3,
    },
    "budget": BUDGET,
    "seed": 3,
}
REWARD: Json = {
    "kind": "posterior",
    "prior": {"mixture": {"means": [[-1.0, 0.0], [1.0, 0.0]]}},
    "reward": {"expression": "-norm2(x)"},
    "budget": BUDGET,
    "seed": 3,
}
PLAN: Json = {
    "method": "smc",
    "particles": 64,
    "guidance": "kalman",
    "strength": 1.0,
    "potential": "twist",
    "tempering": "linear",
    "inflation": 1.0,
    "kept": 0,
    "drawn": 1.0,
}
RESOLUTION: Json = {
    "version": VERSION,
    "estimator": "smc/kalman",
    "numeric_class": "somewhere else",
    "first_block": 4,
    "block": 8,
    "blocks_planned": 8,
    "first_look": 2,
    "micro_batch": 64,
    "tail": 64,
    "extensible": True,
    "plan": PLAN,
}
REMOVED = object()


def changed(base: Json, changes: Json) -> Json:
    """`base` with changes: `chain.steps` names the field steps of chain, which is made if need be."""
    spec = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = spec
        for step in parents:
            place = place.setdefault(step, copy.deepcopy(RESOLUTION) if step == "resolution" else {})
        if value is REMOVED:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    return spec


def mixture(**changes: Any) -> Json:
    return changed(MIXTURE, {name.replace("__", "."): value for name, value in changes.items()})


def digits(**changes: Any) -> Json:
    return changed(DIGITS, {name.replace("__", "."): value for name, value in changes.items()})


def reward(**changes: Any) -> Json:
    return changed(REWARD, {name.replace("__", "."): value for name, value in changes.items()})


def seen(operator: Json, y: Any, **changes: Any) -> Json:
    """A digit seen through an operator."""
    return digits(observation={"operator": operator, "y": y, "sigma": 0.3}, **changes)


Case = tuple[str, Json, str, str]
SIGMA = "/observation/sigma"
MASK = "/observation/operator/mask"
MATRIX = "/observation/operator/matrix"

OBSERVATIONS: list[Case] = [
    ("nothing asked", mixture(observation=REMOVED), "", "nothing to condition on: give an observation"),
    ("sigma of 0", mixture(observation__sigma=0), SIGMA, "greater than or equal to 0.000001; got 0"),
    ("negative sigma", mixture(observation__sigma=-0.1), SIGMA, "got -0.1"),
    ("one sigma of 0", mixture(observation__sigma=[0.1, 0]), f"{SIGMA}/1", "got 0"),
    ("too many sigmas", mixture(observation__sigma=[1, 1, 1]), SIGMA, "3 sigmas and 2 numbers in y; give one"),
    ("sigma as text", mixture(observation__sigma="0.3"), SIGMA, "valid number"),
    ("sigma that is NaN", mixture(observation__sigma=float("nan")), SIGMA, "send a finite number"),
    ("y too long", mixture(observation__y=[1, 2, 3]), "/observation/y", "y has 3 numbers (shape (3,)), the operator"),
    ("y of all pixels", digits(observation__y=[[0] * 8] * 8), "/observation/y", "gives 32: those where the mask is 1"),
    ("y as text", mixture(observation__y="1,2"), "/observation/y", "valid array; got '1,2'"),
    ("text in y", mixture(observation__y=[1, "2"]), "/observation/y/1", "valid number; got '2'"),
    ("NaN in y", mixture(observation__y=[1, float("nan")]), "/observation/y/1", "send a finite number"),
    ("ragged y", mixture(observation__y=[[1, 2], [3]]), "/observation/y", "rows differ in length"),
    ("empty y", mixture(observation__y=[]), "/observation/y", "the array is empty"),
    (
        "y out of scale",
        mixture(observation__y=[1e13, 0]),
        "/observation/y",
        "1e+13 is beyond 1e+12; choose other units",
    ),
    ("cut array", mixture(observation__y={"shape": [2], "data": "AAAA"}), "/observation/y", "data holds 3"),
    ("array of no numbers", mixture(observation__y={"shape": [0], "data": ""}), "/observation/y", "is empty"),
    (
        "field of an array",
        mixture(observation__y={"shape": [2], "dat": ""}),
        "/observation/y/data",
        "required field 'data' is missing",
    ),
]

OPERATORS: list[Case] = [
    (
        "misspelt operator",
        seen({"type": "inpant"}, [0.0]),
        "/observation/operator/type",
        "unknown name 'inpant'; did you mean 'inpaint'?",
    ),
    ("operator without type", seen({"mask": [1] * 64}, [0.0]), "/observation/operator/type", "'type' is missing"),
    ("mask of another size", seen({"type": "inpaint", "mask": [1] * 63}, [0.0]), MASK, "63 numbers in shape (63,)"),
    ("mask of another shape", seen({"type": "inpaint", "mask": [[1] * 16] * 4}, [0.0] * 64), MASK, "in shape (4, 16)"),
    ("grey mask", seen({"type": "inpaint", "mask": [0.5] * 64}, [0.0]), MASK, "1 where a coordinate is seen and 0"),
    ("mask of nothing", seen({"type": "inpaint", "mask": [0] * 64}, [0.0]), MASK, "0 everywhere: nothing is seen"),
    (
        "narrow matrix",
        seen({"type": "matrix", "matrix": [[1] * 63]}, [0.0]),
        MATRIX,
        "must be (rows, 64); its shape is",
    ),
    ("flat matrix", seen({"type": "matrix", "matrix": [1] * 64}, [0.0]), MATRIX, "its shape is (64,)"),
    ("zero row", seen({"type": "matrix", "matrix": [[1] * 64, [0] * 64]}, [0.0] * 2), MATRIX, "row 1 of the matrix is"),
    ("zero matrix", seen({"type": "matrix", "matrix": [[0] * 64]}, [0.0]), MATRIX, "row 0 of the matrix is zero"),
    ("blur by nothing", seen({"type": "blur"}, [0.0] * 64), "/observation/operator", "takes a width or a kernel"),
    (
        "even kernel",
        seen({"type": "blur", "kernel": [[1, 1], [1, 1]]}, [0.0] * 64),
        "/observation/operator/kernel",
        "two odd sizes; its shape is (2, 2)",
    ),
    (
        "kernel beyond the picture",
        seen({"type": "blur", "kernel": [[1] * 17]}, [0.0] * 64),
        "/observation/operator/kernel",
        "no more than (15, 15) matters",
    ),
    (
        "blind kernel",
        seen({"type": "blur", "kernel": [[0, 0, 1]]}, [0.0] * 64),
        "/observation/operator/kernel",
        "sees nothing at pixel (0, 7)",
    ),
    (
        "odd factor",
        seen({"type": "downsample", "factor": 3}, [0.0] * 4),
        "/observation/operator/factor",
        "8 x 8 do not divide into blocks of 3",
    ),
    ("no picture", mixture(observation__operator={"type": "blur", "width": 1}), "/observation/operator", "are (2,)"),
    (
        "too much observed",
        mixture(observation__operator={"type": "projection", "rows": 65_536}),
        "/observation/operator",
        "it observes 65,536 numbers, more than the 4,096",
    ),
    (
        "too much along the chain",
        mixture(
            observation={"operator": {"type": "projection", "rows": 4_096}, "y": [0.0] * 4_096, "sigma": 1},
            chain={"steps": 1_000},
        ),
        "/observation/y",
        "at 1000 steps take",
    ),
    (
        "formulas for other numbers",
        mixture(observation__operator={"type": "expression", "expression": ["x[0]"]}),
        "/observation/operator/expression",
        "there are 1 expressions, y has 2 numbers",
    ),
    (
        "formula beyond the last",
        mixture(observation__operator={"type": "expression", "expression": ["x[0]", "x[2]"]}),
        "/observation/operator/expression/1",
        "index 2 of a vector with 2 coordinates",
    ),
    (
        "formula that gives a vector",
        mixture(observation={"operator": {"type": "expression", "expression": "x"}, "y": [1, 2, 3], "sigma": 1}),
        "/observation/operator/expression",
        "gives 2 numbers, y has 3",
    ),
]

PRIORS: list[Case] = [
    ("misspelt prior", digits(prior__name="digts"), "/prior/name", "did you mean 'digits'? (known: digits"),
    ("no prior", mixture(prior=REMOVED), "/prior", "give a prior to sample from, or dynamics"),
    ("prior of nothing", mixture(prior={}), "/prior/name", "'name' is missing"),
    ("two priors", mixture(prior__name="digits"), "/prior/name", "'name' does not go with the others"),
    ("label beyond the last", digits(prior__label=10), "/prior/label", "no class 10: labels go from 0 to 9"),
    ("negative label", digits(prior__label=-1), "/prior/label", "greater than or equal to 0"),
    ("flat means", mixture(prior__mixture={"means": [0, 1]}), "/prior/mixture/means", "their shape is (2,)"),
    ("ragged means", mixture(prior__mixture={"means": [[0, 1], [1]]}), "/prior/mixture/means", "rows differ"),
    ("far means", mixture(prior__mixture={"means": [[1e300, 0]]}), "/prior/mixture/means", "beyond 1e+12"),
    ("weights", mixture(prior__mixture__weights=[1]), "/prior/mixture/weights", "1 weights and 2 means"),
    ("zero weight", mixture(prior__mixture__weights=[1, 0]), "/prior/mixture/weights/1", "greater than 0"),
    ("variances", mixture(prior__mixture__variance=[1, 1, 1]), "/prior/mixture/variance", "3 variances and 2 means"),
    ("no variance", mixture(prior__mixture__variance=0), "/prior/mixture/variance", "greater than 0"),
    ("tiny variance", mixture(prior__mixture__variance=1e-99), "/prior/mixture/variance", "below 1e-12; choose other"),
    (
        "covariance of another size",
        mixture(prior__mixture__covariances=[[1]]),
        "/prior/mixture/covariances",
        "must be (2, 2) or (2, 2, 2); their shape is (1, 1)",
    ),
    (
        "covariance with a sign",
        mixture(prior__mixture__covariances=[[1, 2], [2, 1]]),
        "/prior/mixture/covariances",
        "smallest eigenvalue is -1",
    ),
    (
        "lopsided covariance",
        mixture(prior__mixture__covariances=[[1, 0.5], [0, 1]]),
        "/prior/mixture/covariances",
        "not symmetric",
    ),
    (
        "variance and covariances",
        mixture(prior__mixture__covariances=[[1, 0], [0, 1]], prior__mixture__variance=1),
        "/prior/mixture",
        "leave one out",
    ),
]

CHAINS: list[Case] = [
    ("one step", mixture(chain__steps=1), "/chain/steps", "greater than or equal to 2; got 1"),
    ("half a step", mixture(chain__steps=2.5), "/chain/steps", "valid integer"),
    (
        "unknown scheduler",
        mixture(chain__scheduler="euler"),
        "/chain/scheduler",
        "did you mean 've_euler'? (known: ddim",
    ),
    ("scheduler of another family", digits(chain__scheduler="flow"), "/chain/scheduler", "simulated by ddpm, ddim, vp"),
    ("more steps than levels", digits(chain__steps=1_001), "/chain/steps", "1000 noise levels, fewer than 1001"),
    (
        "guidance without noise",
        mixture(chain__eta=0.0, guidance__type="kalman"),
        "/chain/eta",
        "step 0 of the chain has no noise (eta = 0), so that guidance 'kalman' cannot be weighed; choose eta > 0",
    ),
    ("eta above 1", mixture(chain__eta=1.5), "/chain/eta", "less than or equal to 1; got 1.5"),
    ("eta of an SDE", mixture(chain={"scheduler": "ve_euler", "eta": 0.5}), "/chain/eta", "leave eta out"),
    (
        "levels of another scheduler",
        mixture(chain={"scheduler": "vp", "sigma_max": 9}),
        "/chain/sigma_max",
        "belongs to",
    ),
    ("levels upside down", mixture(chain={"sigma_min": 2, "sigma_max": 1}), "/chain/sigma_min", "the smaller one"),
    ("levels too far apart", mixture(chain={"sigma_min": 1e-6, "sigma_max": 1e4}), "/chain/sigma_max", "told apart"),
    ("marginal of a network", digits(chain__start="marginal"), "/chain/start", "leave start out"),
]

METHODS: list[Case] = [
    ("one particle", mixture(particles=1), "/particles", "greater than or equal to 2; got 1"),
    (
        "an army",
        digits(particles=10**6),
        "/particles",
        "1,000,000 particles of 64 numbers are more than a worker holds",
    ),
    ("unknown method", mixture(method="urgee"), "/method", "did you mean 'urge'?"),
    ("unknown guidance", mixture(guidance__type="kalmann"), "/guidance/type", "did you mean 'kalman'?"),
    (
        "classes that a mixture lacks",
        mixture(guidance={"type": "classifier_free", "label": 1}),
        "/guidance/type",
        "none",
    ),
    ("no class to go to", digits(guidance__type="classifier_free"), "/guidance/label", "give a label"),
    (
        "a class that there is not",
        digits(guidance={"type": "classifier_free", "label": 99}),
        "/guidance/label",
        "labels go from 0 to 9",
    ),
    ("label without use", digits(guidance={"type": "kalman", "label": 1}), "/guidance/label", "belongs to"),
    ("strength of nothing", digits(guidance={"type": "none", "strength": 2.0}), "/guidance/strength", "leave strength"),
    (
        "tempering of nothing",
        mixture(potential={"type": "none", "tempering": "linear"}),
        "/potential/tempering",
        "nothing to temper",
    ),
    ("unknown scheme", mixture(resampling__scheme="systemic"), "/resampling/scheme", "did you mean 'systematic'?"),
    ("threshold above 1", mixture(resampling__threshold=2), "/resampling/threshold", "less than or equal to 1"),
    ("bounds", mixture(interval="bounded", bounds=[0, 1]), "/interval", "use stream, fixed or open"),
]

REWARDS: list[Case] = [
    ("vector reward", reward(reward__expression="x"), "/reward/expression", "gives a vector, a scalar is needed"),
    ("reward of nothing known", reward(reward__expression="sum(y)"), "/reward/expression", "unknown name 'y'"),
    ("misspelt function", reward(reward__expression="sun(x)"), "/reward/expression", "did you mean 'sum'?"),
    ("temperature of 0", reward(reward__temperature=0), "/reward/temperature", "got 0"),
    (
        "two rewards",
        reward(reward__model="sha256:" + "0" * 64),
        "/reward/expression",
        "does not go with the others that",
    ),
]

OUTPUTS: list[Case] = [
    ("output twice", mixture(outputs=["mean", "std", "mean"]), "/outputs", "'mean' is there twice"),
    ("samples alone", mixture(outputs=["samples"]), "/outputs", "ask for the mean or log_evidence too"),
    ("no outputs", mixture(outputs=[]), "/outputs", "at least 1 item"),
    ("unknown output", mixture(outputs=["median"]), "/outputs/0", "known: log_evidence, log_likelihood, mean"),
    ("quantile of 1", mixture(quantiles=[1.0]), "/quantiles/0", "less than or equal to 0.99"),
    (
        "too many outputs",
        mixture(
            prior={"mixture": {"means": [[0.0] * 20_001]}},
            observation=REMOVED,
            reward={"expression": "sum(x)"},
            outputs=["mean"],
        ),
        "/outputs",
        "20001 outputs",
    ),
]


def _replay(name: str, pointer: str, says: str, base: Json = MIXTURE, **changes: Any) -> Case:
    paths = {path.replace("__", "."): value for path, value in changes.items()}
    return name, changed(base, paths), f"/resolution/{pointer}", says


REPLAYS: list[Case] = [
    _replay("another version", "version", "does not run here", resolution__version=99),
    _replay("another estimator", "estimator", "did you mean 'smc/kalman'?", resolution__estimator="smc/kalmann"),
    _replay("too many rows", "micro_batch", "at most 128", resolution__micro_batch=10**6),
    _replay("too many islands", "block", "more than a worker holds", resolution__block=10**6, outputs=["quantiles"]),
    _replay("chains", "lanes", "contradicts the estimator", resolution__lanes=4),
    _replay("no plan", "plan/method", "missing; a plan has method, particles", resolution__plan={}),
    _replay("unknown number", "plan/a~1b", "unknown name 'a/b'", resolution__plan={**PLAN, "a/b": 1}),
    _replay("missing number", "plan/particles", "missing", resolution__plan__particles=REMOVED),
    _replay("text for a number", "plan/particles", "a whole number", resolution__plan__particles="64"),
    _replay("true for a number", "plan/particles", "a whole number", resolution__plan__particles=True),
    _replay("one particle", "plan/particles", "from 2 to", resolution__plan__particles=1),
    _replay("an army", "plan/particles", "from 2 to", resolution__plan__particles=10**9),
    _replay("strength", "plan/strength", "from 0 to 100, got -1", resolution__plan__strength=-1),
    _replay("method", "plan/method", "must be 'smc' for this spec, got 'pimh'", resolution__plan__method="pimh"),
    _replay("guidance", "plan/guidance", "must be 'kalman'", resolution__plan__guidance="none"),
    _replay("tempering", "plan/tempering", "or 'adaptive' or 'none'", resolution__plan__tempering="cubic"),
    _replay("a number for a name", "plan/potential", "got 3", resolution__plan__potential=3),
    _replay("samples unasked", "plan/kept", "from 0 to 0, got 5", resolution__plan__kept=5),
    _replay("samples asked", "plan/kept", "from 1 to 32768", resolution__plan__kept=0, outputs=["mean", "samples"]),
    _replay("other particles", "plan/particles", "64 contradicts the 32", particles=32, resolution__tail=8),
    _replay(
        "other tempering",
        "plan/tempering",
        "must be 'adaptive' for this spec",
        potential={"tempering": "adaptive"},
        resolution__tail=8,
    ),
    _replay(
        "multiplicity",
        "multiplicity/outputs",
        "is for 3 outputs, the spec has 5",
        resolution__multiplicity={"method": "sidak", "outputs": 3, "alpha": 0.01},
    ),
]

TABLES = [OBSERVATIONS, OPERATORS, PRIORS, CHAINS, METHODS, REWARDS, OUTPUTS, REPLAYS]
CASES: list[Case] = [case for table in TABLES for case in table]
