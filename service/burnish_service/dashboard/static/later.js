/** What the service answers at once or, where it takes longer, with a job that ends with it. */

import { Refused, api } from "./api.js";
import { LIVE } from "./words.js";

const EVERY = 1000;

/**
 * The answer, or what `of(job)` gives at the end of the job that was returned in its place; null when `going()` has become
 * false. `waiting(job)` is called once for a job. Throws Refused with what a job that failed says.
 */
export async function sooner_or_later(found, of, going, waiting) {
  if (!found.id) return found;
  waiting(found);
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY));
    if (!going()) return null;
    const job = await api.job(found.id);
    if (LIVE.has(job.status)) continue;
    if (of(job)) return of(job);
    throw new Refused(job.error || { status: 0, title: "No answer", detail: `${found.id} ended as ${job.status}`, errors: [] });
  }
}
