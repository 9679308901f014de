#!/usr/bin/env bash
# A state is followed through its observations, on the command line: two are known, the last comes while the job runs.
set -euo pipefail

seen=$(mktemp)
trap 'rm -f "$seen"' EXIT
printf '%s\n' '-1.3, 19.1' '-1.6, 15.8' > "$seen"
job=$(burnish run posterior --dynamics lorenz63,substeps=10,noise=0.1 --initial 1.5,-1.5,25.5 --initial-variance 2 \
  --coordinates 0,2 --observe-noise 4 --observations "$seen" --expected 3 --seconds 20 --seed 7 --no-wait)
burnish observe "$job" -6.2 15.0 --last
burnish watch "$job"
