# %% [markdown]
# # Pricing a 100-dimensional option under default risk
#
# A European claim on the smallest of a hundred assets, whose writer may default: the intensity of default rises when
# the claim itself loses value, so that the price solves a nonlinear equation in d = 100 (`black-scholes-default` of the
# catalogue). Its reference at x = (100, ..., 100), by another method, is 57.2985.
#
# Nothing is trained here. The whole service runs in this process.

# %%
import matplotlib.pyplot as plt

from burnish import Burnish

client = Burnish.local()
plan = client.plan(
    {
        "kind": "surrogate",
        "problem": {"name": "black-scholes-default", "dim": 100},
        "points": [{"t": 0, "x": 100}],
        "budget": {"worker_seconds": 6},
        "seed": 7,
    }
)
print("looks after", [look.blocks for look in plan.looks], "blocks")

# %% [markdown]
# ## The price, while it sharpens
#
# `worker_seconds` are seconds of computing, whatever else the machine does.

# %%
job = client.surrogate(problem="black-scholes-default", dim=100, points=[100.0], budget={"worker_seconds": 6}, seed=7)
looks = [refinement for refinement in job.refinements() if refinement.interval]
for look in looks:
    low, high = look.interval.lower[0], look.interval.upper[0]
    if low is not None:
        print(f"{look.replicates:>8,} replicates: {look.estimate.value[0]:.4f} in [{low:.4f}, {high:.4f}]")

# %%
shown = [look for look in looks if look.interval.lower[0] is not None]
units = [look.spent.units for look in shown]
plt.figure("the price and its intervals", figsize=(6, 3))
plt.fill_between(units, [k.interval.lower[0] for k in shown], [k.interval.upper[0] for k in shown], alpha=0.25)
plt.plot(units, [look.estimate.value[0] for look in shown], marker="o")
plt.axhline(57.2985, color="black", linewidth=0.8, linestyle="--", label="reference")
plt.xscale("log"), plt.xlabel("simulated paths"), plt.ylabel("price"), plt.legend()
# %% [markdown]
# All of these intervals hold together with 95 %. They contain the sampling error and what is known of the bias of the
# method, told apart in the diagnostics:

# %%
print(job.last.diagnostics["error"])

# %% [markdown]
# ## The price along the diagonal
#
# Several points share one job, and their intervals hold together too.

# %%
levels = [80.0, 90.0, 100.0, 110.0, 120.0]
curve = client.surrogate(
    problem="black-scholes-default", dim=100, points=levels, budget={"worker_seconds": 8}, seed=7
).wait()
low, high = curve.interval.lower, curve.interval.upper
for level, value, a, b in zip(levels, curve.estimate.value, low, high, strict=True):
    print(f"all assets at {level:g}: {value:.3f}", "refused" if a is None else f"in [{a:.3f}, {b:.3f}]")

# %%
plt.figure("the price along the diagonal", figsize=(6, 3))
plt.plot(levels, curve.estimate.value, marker="o")
plt.xlabel("all assets at"), plt.ylabel("price")
# %%
client.close()
