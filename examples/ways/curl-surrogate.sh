#!/usr/bin/env bash
# A semilinear PDE in 100 dimensions, stated by expressions, by curl alone: post, follow the stream, think longer.
set -euo pipefail
url=${BURNISH_BASE_URL:-http://127.0.0.1:8000}

# 202 and the job; --fail-with-body makes curl exit with an error on problems, and still print them.
job=$(curl -sS --fail-with-body "$url/v1/jobs" -H 'Content-Type: application/json' -d '{
  "kind": "surrogate",
  "problem": {"dim": 100, "horizon": 0.3, "diffusion": "sqrt(2)",
              "nonlinearity": "u - u**3", "terminal": "1/(2 + 0.4*sum(x**2))"},
  "points": [{"t": 0, "x": 0}],
  "budget": {"seconds": 2}, "seed": 7}' | jq -r .id)

# Server-sent events until the job ends. After a cut connection go on with -H 'Last-Event-ID: N'.
curl -sSN "$url/v1/jobs/$job/events" -H 'Accept: text/event-stream' | sed -n 's/^data: //p' |
  jq -r 'select(.estimate) | "block \(.blocks): \(.estimate.value[0]) in \(.interval // "no interval at this block" | if type == "object" then [.lower[0], .upper[0]] else . end)"'

# Think longer: the same answer goes on from where it stopped.
curl -sS --fail-with-body "$url/v1/jobs/$job/budget" -H 'Content-Type: application/json' -d '{"seconds": 1}' > /dev/null
curl -sSN "$url/v1/jobs/$job/events" -H 'Accept: text/event-stream' > /dev/null
curl -sS "$url/v1/jobs/$job" | jq '{status, stopped_by, value: .last_refinement.estimate.value, interval: .last_refinement.interval | {lower, upper}}'
