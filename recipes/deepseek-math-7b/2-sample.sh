#!/bin/sh
# Sixteen samples of every train question; the balanced sample is drawn when the log is trained on.
. "$(dirname "$0")/settings.sh"

$STEPGYM collect stepgym/GSM8K-v0 --env-arg path="$GSM8K" --env-arg split=train \
    --policy "$POLICY" --tasks "$(task_ids gsm8k train "$GSM8K")" --samples "$SAMPLES" \
    --temperature 1 --top-p 0.95 --top-k 16 --max-tokens 2048 \
    --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_PLAY --out "$RUNS/log-gsm8k" --resume
$STEPGYM collect stepgym/MATH-v0 --env-arg path="$MATH" --env-arg split=train \
    --policy "$POLICY" --tasks "$(task_ids math train "$MATH")" --samples "$SAMPLES" \
    --temperature 1 --top-p 0.95 --top-k 16 --max-tokens 2048 \
    --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_PLAY --out "$RUNS/log-math" --resume
cat "$RUNS/log-gsm8k/episodes.jsonl" "$RUNS/log-math/episodes.jsonl" > "$RUNS/log.jsonl"
