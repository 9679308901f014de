# %% [markdown]
# # What do more tokens buy?
#
# A small policy proposes numbers whose sum should be 202; learned values guess which beginnings can still work; chains
# back up where those guesses do not hold. The same question is asked with budgets from one thousand to sixteen thousand
# tokens. Answers are named by how many numbers a path takes, and come with their chances under the tilted law.

# %%
import matplotlib.pyplot as plt

from burnish import Burnish

problem = {"type": "subset_sum", "numbers": [17, 92, 45, 128, 66, 3, 71, 110], "target": 202}
client = Burnish.local()
rows = []
for tokens in (1_000, 2_000, 4_000, 8_000, 16_000):
    job = client.reasoning(problem=problem, budget={"tokens": tokens}, seed=7).wait()
    found = job.reasoned
    if found.leader is None:  # the budget ended before any chain had a right answer
        print(f"{found.tokens:>7,} tokens: no answer yet")
        continue
    leader = found.answers[found.leader]
    rows.append((found.tokens, found.leader, leader.value, leader.lower, leader.upper, found.decided))
    print(f"{found.tokens:>7,} tokens: {found.leader} numbers, chance {leader.value:.3f}", end=" ")
    print("no interval" if leader.lower is None else f"in [{leader.lower:.3f}, {leader.upper:.3f}]", end="; ")
    print("decided" if found.decided else "open")

# %%
held = [row for row in rows if row[3] is not None]
plt.figure("chance of the leading answer", figsize=(6, 3))
plt.fill_between([r[0] for r in held], [r[3] for r in held], [r[4] for r in held], alpha=0.25)
plt.plot([r[0] for r in rows], [r[2] for r in rows], marker="o")
plt.xscale("log"), plt.xlabel("tokens, rejected ones included"), plt.ylabel("chance")
# %% [markdown]
# A decided answer need not be paid for any longer: with `early_stop` a job ends when the leader's lower limit passes
# all others' upper limits, or one half. Where its budget is not enough for that, it ends by its budget:

# %%
stopped = client.reasoning(problem=problem, budget={"tokens": 16_000}, early_stop=True, seed=7).wait()
print("stopped by", stopped.stopped_by, "after", stopped.reasoned.tokens, "tokens, leader", stopped.reasoned.leader)

# %% [markdown]
# The gauge says, by depth, how far the values were from what followed (0: exactly right), and so how hard the chains
# had to work:

# %%
for depth in found.gauge:
    print(depth)
print("best path:", found.best.steps)
client.close()
