/** Numbers and sentences for people: as in the SDK's `words`, so that all ways in say the same. */

const NO = "–";

/** Two significant digits: 2.9e-4, 0.012, 35. */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NO;
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e5)) return String(Number(value.toPrecision(2)));
  return value.toExponential(1).replace("e+", "e");
}

/** To as many digits as the half-width lets stand, or four: 0.05281 for ±0.00029. */
export function number(value, half) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NO;
  if (!half || !Number.isFinite(half)) return Math.abs(value) >= 1e6 ? value.toExponential(2).replace("e+", "e") : String(Number(value.toPrecision(4)));
  const places = 1 - Math.floor(Math.log10(half));
  if (places > 9 || Math.abs(value) >= 1e7) {
    const exponent = value ? Math.floor(Math.log10(Math.abs(value))) : 0;
    return value.toExponential(Math.min(20, Math.max(1, places + exponent)));
  }
  return value.toFixed(Math.max(0, places));
}

/** 812, 16.4k, 2.5M. */
export function count(n) {
  if (n === null || n === undefined) return NO;
  for (const [scale, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (n >= scale) return `${Number((n / scale).toPrecision(3))}${letter}`;
  }
  return String(Number(n.toPrecision(3)));
}

const beside = (n, unit) => (n ? ` ${n}\u00a0${unit}` : "");

/** 0.4 s, 12 s, 3 min 20 s, 2 h 5 min; a number and its unit stay on one line. */
export function duration(seconds) {
  if (seconds < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : seconds.toFixed(0)}\u00a0s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}\u00a0min${beside(whole % 60, "s")}`;
  return `${Math.floor(whole / 3600)}\u00a0h${beside(Math.floor((whole % 3600) / 60), "min")}`;
}

export function moment(text) {
  const at = new Date(text), today = new Date();
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return at.toDateString() === today.toDateString() ? time : `${at.toLocaleDateString()} ${time}`;
}

export const STATUS = {
  queued: "queued",
  resolving: "running its pilot",
  waiting_for_resources: "waiting for workers",
  waiting_for_observations: "waiting for observations",
  running: "running",
  completed: "completed",
  failed: "failed",
  crashed: "crashed",
  cancelled: "cancelled",
};

export const LIVE = new Set(["queued", "resolving", "waiting_for_resources", "waiting_for_observations", "running"]);

const STOPPED = {
  seconds: "its seconds were used up",
  worker_seconds: "its worker-seconds were used up",
  gpu_seconds: "its GPU-seconds were used up",
  units: "its units were used up",
  tokens: "its tokens were used up",
  verifier_calls: "its verifier calls were used up",
  deadline: "its deadline came",
  tolerance: "the tolerance was met",
  settled: "the question was decided",
  floor: "no further sampling can meet the tolerance",
  planned_blocks: "the end of its plan was reached without meeting the tolerance: three times what the pilot forecast",
  observations: "the last observation was assimilated",
  cancelled: "somebody cancelled it",
};

/** Why a job ended, as a sentence; empty while it runs. */
export const stopped = (job) => (job.stopped_by ? `Stopped because ${STOPPED[job.stopped_by] || job.stopped_by.replaceAll("_", " ")}.` : "");

const REFUSED = {
  too_few: "Too early for an interval",
  nonfinite: "Some samples are not finite",
  heavy_tail: "The tail is too heavy for an honest interval",
  weight_collapse: "Too few samples carry the weight",
  bias_unknown: "This method has a bias that nothing bounds",
  tolerance_below_floor: "The tolerance lies below what sampling can reach",
  alpha_spent: "The confidence of the plan is used up",
  bounds_violated: "A sample lies outside the declared bounds",
};

/** The heading of a refusal. What and why, and the advice, are said by the service. */
export const refusal = (refused) => REFUSED[refused.code] || refused.code.replaceAll("_", " ");

export const AMOUNTS = {
  seconds: "seconds", worker_seconds: "worker-seconds", gpu_seconds: "GPU-seconds",
  units: "units", tokens: "tokens", verifier_calls: "verifier calls",
};

/** `16.4k units, 3.2 s`. */
export function spent(value) {
  if (!value) return NO;
  const parts = [];
  if (value.units) parts.push(`${count(value.units)} unit${value.units === 1 ? "" : "s"}`);
  if (value.tokens) parts.push(`${count(value.tokens)} tokens`);
  if (value.verifier_calls) parts.push(`${count(value.verifier_calls)} verifier calls`);
  parts.push(duration(value.seconds || 0));
  if (value.gpu_seconds) parts.push(`${duration(value.gpu_seconds)} of GPU`);
  return parts.join(", ");
}

/** The budget in words: `±0.001, 30 s`. */
export function budget(value) {
  const parts = [];
  if (value.abs_tol) parts.push(`±${short(value.abs_tol)}`);
  if (value.rel_tol) parts.push(`±${short(100 * value.rel_tol)} %`);
  if (value.seconds) parts.push(duration(value.seconds));
  for (const name of ["worker_seconds", "gpu_seconds", "units", "tokens", "verifier_calls"]) {
    if (value[name]) parts.push(`${count(value[name])} ${AMOUNTS[name]}`);
  }
  if (value.deadline) parts.push(`by ${moment(value.deadline)}`);
  return parts.join(" or ") || NO;
}
