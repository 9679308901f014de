#!/usr/bin/env bash
# A trained network is corrected at five points, on the command line: what would it cost, run it, think longer, check it.
set -euo pipefail

burnish plan surrogate --problem viscous-burgers --surrogate viscous-burgers-pinn-d20 --points 5 --seconds 2
job=$(burnish run surrogate --problem viscous-burgers --surrogate viscous-burgers-pinn-d20 --points 5 --seconds 2 --seed 7 --no-wait)
burnish watch "$job"
burnish extend "$job" --seconds 1
burnish watch "$job"
burnish verify "$job" --blocks 2  # runs blocks again: the same bits?
