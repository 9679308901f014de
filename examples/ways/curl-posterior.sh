#!/usr/bin/env bash
# The exact posterior of a prior with two modes, by curl alone: mean and log evidence with intervals.
set -euo pipefail
url=${BURNISH_BASE_URL:-http://127.0.0.1:8000}

job=$(curl -sS --fail-with-body "$url/v1/jobs" -H 'Content-Type: application/json' -d '{
  "kind": "posterior",
  "prior": {"mixture": {"means": [[-2, 0], [2, 0]], "variance": 0.5}},
  "observation": {"operator": {"type": "matrix", "matrix": [[0.6, 0.8]]}, "y": [1.0], "sigma": 0.3},
  "chain": {"steps": 20}, "outputs": ["mean", "log_evidence"],
  "budget": {"units": 100000}, "seed": 7}' | jq -r .id)

curl -sSN "$url/v1/jobs/$job/events" -H 'Accept: text/event-stream' > /dev/null  # ends with the job
# `layout` says which numbers are which: two of `mean`, then `log_evidence`.
curl -sS "$url/v1/jobs/$job" | jq '.last_refinement | {layout, value: .estimate.value, lower: .interval.lower, upper: .interval.upper, refused}'
