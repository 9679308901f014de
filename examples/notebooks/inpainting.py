# %% [markdown]
# # How uncertain is the lower half of a digit?
#
# The upper half of a handwritten digit is seen with noise; a small diffusion model is the prior. The answer is not one
# picture but the posterior: a mean and a deviation for every pixel, with intervals, and weighted samples.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from burnish import Burnish

truth = load_digits().images[5] / 8 - 1
seen = np.zeros((8, 8), dtype=bool)
seen[:4] = True
sigma = 0.3
y = truth[seen] + sigma * np.random.default_rng(0).standard_normal(32)

# %%
client = Burnish.local()
job = client.posterior(
    prior="digits",
    observation={"operator": {"type": "inpaint", "mask": seen}, "y": y, "sigma": sigma},
    outputs=["mean", "std", "log_evidence", "samples"],
    budget={"worker_seconds": 15},
    seed=7,
).wait()
mean, std = (np.array(job.part(name).value).reshape(8, 8) for name in ("mean", "std"))
evidence = job.part("log_evidence")
print("stopped by", job.stopped_by, "after", job.last.replicates, "islands")
print("log evidence", evidence.value, "in", evidence.lower, evidence.upper)

# %% [markdown]
# Where nothing was seen the deviation is what the prior leaves, and it should be as large as the error really is:

# %%
hidden = ~seen
print("error of the mean, hidden half (rms):", round(float(np.sqrt(np.mean((mean - truth)[hidden] ** 2))), 2))
print("deviation that was admitted (rms):   ", round(float(np.sqrt(np.mean(std[hidden] ** 2))), 2))
print("error of a grey half:                ", round(float(np.sqrt(np.mean((truth - truth.mean())[hidden] ** 2))), 2))

# %%
figure, axes = plt.subplots(1, 4, figsize=(8, 2.2), num="truth and posterior")
pictures = {"truth": truth, "seen": np.where(seen, truth, np.nan), "mean": mean, "deviation": std}
for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture, cmap="viridis" if name == "deviation" else "gray"), axis.set_title(name), axis.axis("off")

# %% [markdown]
# Intervals and deviations are two things. The deviation says how uncertain the pixel is, and stays; the interval of the
# mean says how well the simulation knows that mean, and shrinks with the budget.

# %%
part = job.part("mean")
widths = (np.array(part.upper, dtype=float) - np.array(part.lower, dtype=float)).reshape(8, 8)
print("median half-width of the mean of a hidden pixel:", round(float(np.median(widths[hidden]) / 2), 3))
client.close()
