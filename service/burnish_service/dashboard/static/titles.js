/** What a job asks, in a few words. */

import { clipped } from "./answers.js";

const MOST = 64;

/** `viscous-burgers, d = 20`; empty for a kind that this page knows nothing of. */
export function title_of(spec) {
  const { problem, prior, dynamics, observation, reward } = spec;
  const text = problem?.prompt || problem?.messages?.at(-1)?.content || (problem?.numbers && `${problem.numbers.length} numbers that add up to ${problem.target}`);
  const named = problem?.name || (problem?.type === "tree" ? "an explicit tree" : problem?.type?.replaceAll("_", " ")) || prior?.name || dynamics?.name;
  const parts = [named, problem && !named && "an equation of one's own", problem?.dim && `d = ${problem.dim}`, prior?.mixture && "a mixture", reward && "with a reward",
    observation && `seen by ${observation.operator?.type ?? "identity"}`, spec.method === "picard" && "Picard", text && clipped(text, MOST)];
  return parts.filter(Boolean).join(", ");
}
