"""The peers' side of `assimilation.py`: run by a Python that has `particles` and `dapper`. JSON on stdout.

python assimilation_peers.py speed DIM PARTICLES STEPS
python assimilation_peers.py simulate SYSTEM SEED CYCLES FILE.npz
python assimilation_peers.py filter SYSTEM FILE.npz METHOD PARTICLES OPTIONS
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import numpy as np


def speed(dim: int, count: int, steps: int) -> dict[str, float]:
    """Particle-steps per second of processor time of the bootstrap and guided filters of `particles`."""
    import particles
    from particles import kalman
    from particles import state_space_models as ssm

    if dim == 1:
        model = kalman.LinearGauss(rho=0.7, sigmaX=1.0, sigmaY=0.5**0.5, sigma0=5**0.5)
        data = [np.array([y]) for y in np.random.default_rng(0).normal(size=steps + 2)]
    else:
        f = 0.7 * np.eye(dim) + 0.1 * np.eye(dim, k=1)
        parts = {"F": f, "G": np.eye(dim), "covX": np.eye(dim), "covY": 0.5 * np.eye(dim)}
        model = kalman.MVLinearGauss(**parts, mu0=np.zeros(dim), cov0=5 * np.eye(dim))
        data = [y[None] for y in np.random.default_rng(0).normal(size=(steps + 2, dim))]
    found = {}
    for name, kind in (("bootstrap", ssm.Bootstrap), ("guided", ssm.GuidedPF)):
        run = particles.SMC(fk=kind(ssm=model, data=data), N=count, resampling="systematic", ESSrmin=0.5)
        next(run), next(run)  # compiles
        began = time.process_time()
        for _ in range(steps):
            next(run)
        found[name] = count * steps / (time.process_time() - began)
    return found


def system(name: str, cycles: int) -> Any:
    """Lorenz-63 as in Sakov et al. 2012 (observed every 25 steps of .01, R = 2 I), or Lorenz-96 with ten coordinates of
    which every other is seen after each step of .05, R = 1.5 I. No noise in the dynamics."""
    import dapper.mods as modelling
    from dapper.mods import Lorenz63, Lorenz96

    if name == "lorenz63":
        dim, seen, step, x0, error = 3, np.arange(3), Lorenz63.step, Lorenz63.x0, 2.0
        times = modelling.Chronology(0.01, dko=25, Ko=cycles - 1, BurnIn=4)
    else:
        dim, seen, step, x0, error = 10, np.arange(0, 10, 2), Lorenz96.step, Lorenz96.x0(10), 1.5
        times = modelling.Chronology(0.05, dko=1, Ko=cycles - 1, BurnIn=4)
    observe = modelling.partial_Id_Obs(dim, seen)
    observe["noise"] = error
    start = modelling.GaussRV(C=2 if dim == 3 else 0.5, mu=x0)
    return modelling.HiddenMarkovModel({"M": dim, "model": step, "noise": 0}, observe, times, start)


def simulate(name: str, seed: int, cycles: int, file: str) -> dict[str, Any]:
    import dapper as dpr

    dpr.set_seed(seed)
    model = system(name, cycles)
    truth, seen = model.simulate()
    seen = np.array(list(seen), dtype=np.float64)
    np.savez(file, truth=np.asarray(truth, np.float64), seen=seen, at=model.tseq.kko, start=model.X0.mu)
    return {"cycles": len(seen)}


def filtered(name: str, file: str, method: str, count: int, options: dict[str, float]) -> dict[str, float]:
    """Mean over time of the root mean square error of the filtered mean, after the burn-in; seconds of processor."""
    import dapper as dpr
    import dapper.da_methods as methods

    data = np.load(file)
    model = system(name, len(data["seen"]))
    made = {
        "particles": lambda: methods.PartFilt(N=count, **options),
        "enkf": lambda: methods.EnKF("PertObs", N=count, **options),
        "etkf": lambda: methods.EnKF("Sqrt", N=count, rot=True, **options),
    }[method]()
    dpr.set_seed(1)
    began = time.process_time()
    made.assimilate(model, data["truth"], data["seen"], liveplots=False)
    errors = np.asarray(made.stats.err.rms.a)
    burnt = round(4 / (model.tseq.dt * model.tseq.dko))
    return {"rmse": float(errors[burnt:].mean()), "seconds": time.process_time() - began}


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    if task == "speed":
        result: dict[str, Any] = speed(*map(int, rest))
    elif task == "simulate":
        result = simulate(rest[0], int(rest[1]), int(rest[2]), rest[3])
    else:
        result = filtered(rest[0], rest[1], rest[2], int(rest[3]), json.loads(rest[4]))
    sys.stdout.write("\n" + json.dumps(result) + "\n")
