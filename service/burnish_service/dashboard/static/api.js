/** The REST contract, as far as pages use it. Paths are relative: the service may live below a prefix of a proxy. */

import { admission } from "./key.js";

/** What the service refused: a problem as of RFC 9457, or that nothing was there to answer (`status` 0). */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
    this.status = problem.status;
  }
}

const AWAY = { status: 0, title: "No connection", detail: "the service does not answer; nothing was sent twice", errors: [] };

async function call(method, path, body, headers = {}) {
  const options = { method, headers: { Accept: "application/json", ...admission(), ...headers } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const reply = await fetch(path, options).catch(() => { throw new Refused(AWAY); });
  if (reply.status === 204) return null;
  const said = await reply.json().catch(() => null);
  if (!reply.ok) throw new Refused(said || { status: reply.status, title: reply.statusText, detail: `${method} ${path}`, errors: [] });
  return said;
}

const job = (id) => `v1/jobs/${encodeURIComponent(id)}`;

export const api = {
  jobs: (query) => call("GET", `v1/jobs?${new URLSearchParams(query)}`),
  job: (id) => call("GET", job(id)),
  create: (spec, key) => call("POST", "v1/jobs", spec, { "Idempotency-Key": key }),
  plan: (spec) => call("POST", "v1/plan", spec),
  extend: (id, budget, key) => call("POST", `${job(id)}/budget`, budget, { "Idempotency-Key": key }),
  cancel: (id) => call("POST", `${job(id)}/cancel`),
  resume: (id) => call("POST", `${job(id)}/resume`),
  remove: (id) => call("DELETE", job(id)),
  verify: (id) => call("POST", `${job(id)}/verify`, { blocks: 2 }),
  observations: (id) => call("GET", `${job(id)}/observations?limit=1000`),
  kinds: () => call("GET", "v1/kinds"),
  catalogue: () => call("GET", "v1/catalogue"),
  cluster: () => call("GET", "v1/cluster"),
  usage: () => call("GET", "v1/usage?days=7"),
  events: (id, after) => `${job(id)}/events?after=${after}`,
  file: (id, name) => `${job(id)}/artifacts/${encodeURIComponent(name)}`,
};

/** A key for one intention of the user: a click that is sent again does its work once. */
export const intention = () => (crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`);
