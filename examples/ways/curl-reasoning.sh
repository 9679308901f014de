#!/usr/bin/env bash
# Which of twenty numbers add up to the target? A small policy proposes, chains back up; by curl alone.
set -euo pipefail
url=${BURNISH_BASE_URL:-http://127.0.0.1:8000}

job=$(curl -sS --fail-with-body "$url/v1/jobs" -H 'Content-Type: application/json' -d '{
  "kind": "reasoning",
  "problem": {"type": "subset_sum", "numbers": [17, 92, 45, 128, 66, 3], "target": 128},
  "budget": {"tokens": 4000}, "early_stop": true, "seed": 7}' | jq -r .id)

curl -sSN "$url/v1/jobs/$job/events" -H 'Accept: text/event-stream' > /dev/null  # ends with the job
curl -sS "$url/v1/jobs/$job" | jq '{status, stopped_by, spent: .spent.tokens, best: .last_refinement.diagnostics.best}'
