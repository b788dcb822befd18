#!/bin/sh
# Step beam search by the value function, temperature 1. MATH_TEST=FILE takes MATH-500 instead of all 5,000 problems.
. "$(dirname "$0")/settings.sh"

for width in $WIDTHS; do
    $STEPGYM evaluate stepgym/GSM8K-v0 --env-arg path="$GSM8K" --env-arg split=test --policy "$RUNS/oreo" \
        --tasks "$(task_ids gsm8k test "$GSM8K")" --search step-beam --width "$width" --delimiter newline \
        --temperature 1 --max-tokens 2048 $SMALL_PLAY --out "$RUNS/search-gsm8k-$width" --resume
    $STEPGYM evaluate stepgym/MATH-v0 --env-arg path="$MATH_TEST" --env-arg split=test --policy "$RUNS/oreo" \
        --tasks "$(task_ids math test "$MATH_TEST")" --search step-beam --width "$width" --delimiter period \
        --temperature 1 --max-tokens 2048 $SMALL_PLAY --out "$RUNS/search-math-$width" --resume
done
