# %% [markdown]
# # What do more tokens buy?
#
# A small policy proposes numbers whose sum should be 128; learned values guess which beginnings can still work; chains
# back up where those guesses do not hold. One number does it, or three; answers are named by how many a path takes, and
# come with their chances under the tilted law. The same question is asked with budgets from four thousand tokens, just
# enough for an interval, to thirty-two thousand.

# %%
import matplotlib.pyplot as plt

from burnish import Burnish

problem = {"type": "subset_sum", "numbers": [17, 92, 45, 128, 66, 3], "target": 128}
client = Burnish.local()
rows = []
for tokens in (4_000, 6_000, 8_000, 16_000, 32_000):
    found = client.reasoning(problem=problem, budget={"tokens": tokens}, seed=7).wait().reasoned
    leader = found.answers[found.leader]
    rows.append((found.tokens, leader.value, leader.lower, leader.upper))
    print(f"{found.tokens:>7,} tokens: {found.leader} number, chance {leader.value:.3f}", end=" ")
    print(f"in [{leader.lower:.3f}, {leader.upper:.3f}];", "decided" if found.decided else "open")

# %%
tokens, values, lower, upper = zip(*rows, strict=True)
figure, axes = plt.subplots(num="chance of the leading answer", figsize=(6, 3))
axes.fill_between(tokens, lower, upper, alpha=0.25, label="95 % interval")
axes.plot(tokens, values, marker="o", label="chance of one number")
axes.axhline(0.5, color="gray", linestyle=":", label="decided above")
axes.set(xscale="log", xlabel="tokens, rejected ones included", ylabel="chance", ylim=(0, 1.02), xticks=tokens)
axes.set_xticklabels([f"{n / 1000:.0f}k" for n in tokens])
axes.minorticks_off()
axes.legend(loc="lower right")

# %% [markdown]
# A decided answer need not be paid for any longer: with `early_stop` a job ends when the leader's lower limit passes
# all others' upper limits, or one half:

# %%
stopped = client.reasoning(problem=problem, budget={"tokens": 32_000}, early_stop=True, seed=7).wait()
print("stopped by", stopped.stopped_by, "after", stopped.reasoned.tokens, "tokens, leader", stopped.reasoned.leader)

# %% [markdown]
# The gauge says, by depth, how far the values were from what followed (0: exactly right), and so how hard the chains
# had to work:

# %%
for depth in found.gauge:
    print(f"depth {depth.depth}: {depth.log_mean:+.2f} ± {depth.standard_error:.2f} over {depth.pools} pools")
print("best path:", found.best.steps)
client.close()
