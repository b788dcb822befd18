#!/bin/sh
# All steps of a recipe, in order:  sh recipes/run.sh qwen2.5-math-1.5b      (SMOKE=1 before it: a tiny model on a CPU)
set -eu
for step in "$(dirname "$0")/$1"/[1-9]-*.sh; do
    echo "== $step"
    sh "$step"
done
