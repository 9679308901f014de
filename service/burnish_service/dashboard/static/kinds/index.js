/** Which panels a job of a kind has beside its answer. */

import { Posterior } from "./posterior.js";
import { Reasoning } from "./reasoning.js";
import { Surrogate } from "./surrogate.js";
import { Trajectory } from "./trajectory.js";

/** {element, lead, show(record), close(), alone}; `lead`: what comes first; `alone`: it shows how the answer sharpens, too. Null for kinds that this page knows nothing of. */
export function panels(job) {
  if (job.kind === "surrogate") return new Surrogate();
  if (job.kind === "reasoning") return new Reasoning();
  if (job.kind === "posterior") return job.observations ? new Trajectory(job) : new Posterior();
  return null;
}
