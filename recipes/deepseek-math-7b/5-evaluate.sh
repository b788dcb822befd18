#!/bin/sh
# Greedy answers to the test questions, OREO beside what it started from.
. "$(dirname "$0")/settings.sh"

$STEPGYM evaluate stepgym/GSM8K-v0 --env-arg path="$GSM8K" --env-arg split=test \
    --policy "$RUNS/oreo" --compare "$POLICY" --tasks "$(task_ids gsm8k test "$GSM8K")" \
    --temperature 0 --max-tokens 2048 --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_PLAY --out "$RUNS/evaluate-gsm8k" --resume
$STEPGYM evaluate stepgym/MATH-v0 --env-arg path="$MATH" --env-arg split=test \
    --policy "$RUNS/oreo" --compare "$POLICY" --tasks "$(task_ids math test "$MATH")" \
    --temperature 0 --max-tokens 2048 --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_PLAY --out "$RUNS/evaluate-math" --resume
