#!/usr/bin/env bash
# Numbers that add up to a target, on the command line: a chain shows how it backs up.
set -euo pipefail

burnish run reasoning --numbers 17,92,45,128,66,3,71,110 --target 202 --tokens 8000 --early-stop --seed 7
