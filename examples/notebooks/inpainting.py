# %% [markdown]
# # How uncertain is the lower half of a digit?
#
# The upper half of a handwritten digit is seen, with noise. A small diffusion model that was trained on other digits is
# the prior. The answer is not one picture but the posterior: a mean and a deviation for every pixel, with intervals,
# and weighted samples of whole pictures.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from burnish import Burnish

truth = load_digits().images[815] / 8 - 1  # from -1 (white) to 1 (black)
seen = np.zeros((8, 8), dtype=bool)
seen[:4] = True
sigma = 0.3
y = (truth + np.random.default_rng(0).normal(0, sigma, (8, 8)))[seen]

# %% [markdown]
# The budget is in units, forward passes of the network for one particle; with one worker this takes a minute or two.
# Islands of more particles agree better on how likely the seen half is, and intervals want such agreement.

# %%
client = Burnish.local()
job = client.posterior(
    prior="digits",
    observation={"operator": {"type": "inpaint", "mask": seen}, "y": y, "sigma": sigma},
    chain={"steps": 30},
    particles=128,
    outputs=["mean", "std", "samples"],
    budget={"units": 160_000},
    seed=7,
).wait()
mean, std = (job.to_numpy(name).value.reshape(8, 8) for name in ("mean", "std"))
print(job.last.replicates, "islands of 128 particles, stopped by", job.stopped_by)

# %%
samples = job.to_arviz()["posterior"]["x"].to_numpy().reshape(-1, 8, 8)  # of equal weight
chosen = samples[:: max(1, len(samples) // 4)][:4]
shown = {"truth": truth, "seen": np.where(seen, truth, np.nan), "mean": mean, "deviation": std}
shown |= {f"sample {i + 1}": sample for i, sample in enumerate(chosen)}
figure, axes = plt.subplots(2, 4, figsize=(7, 3.8), num="truth and posterior", layout="constrained")
for axis, (name, picture) in zip(axes.flat, shown.items(), strict=True):
    scale = {"cmap": "viridis"} if name == "deviation" else {"cmap": "gray_r", "vmin": -1, "vmax": 1}
    axis.imshow(picture, **scale)
    axis.set_title(name)
    axis.axis("off")

# %% [markdown]
# Where nothing was seen, the deviation is what the prior leaves open, and it should be as large as the error really is.
# Only this page knows the missing half, and can compare:

# %%
hidden = ~seen


def rms(picture):
    return round(float(np.sqrt(np.mean(picture[hidden] ** 2))), 2)


print("error of the mean, lower half (rms): ", rms(mean - truth))
print("deviation that the answer admits:    ", rms(std))
print("error of a half that is all grey:    ", rms(truth - truth[seen].mean()))

# %% [markdown]
# Deviations and intervals are two things. The deviation says how uncertain a pixel *is*, and stays. The interval of the
# mean says how well the simulation *knows* that mean, and shrinks with the budget. An output of which no honest
# interval can be given is refused by its number; here means are 0 to 63 and deviations 64 to 127.

# %%
course = job.course()
halves = course.half_width[:, :64].reshape(-1, 8, 8)[:, hidden]
for row in np.flatnonzero(np.isfinite(halves).all(axis=1)):
    print(f"{course.units[row]:>7,} units: the mean of a missing pixel is known to", round(np.median(halves[row]), 2))
if job.refused:
    print("refused:", job.refused.why)
client.close()
