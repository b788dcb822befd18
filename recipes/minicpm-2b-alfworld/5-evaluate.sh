#!/bin/sh
# Greedy play of the 140 seen and 134 unseen games, OREO beside what it started from.
. "$(dirname "$0")/settings.sh"

for split in valid_seen valid_unseen; do
    $STEPGYM evaluate stepgym/ALFWorld-v0 $PLACE --env-arg split="$split" --env-arg preset=oreo \
        --policy "$RUNS/oreo" --compare "$POLICY" --tasks "$(task_ids alfworld "$split" "$ALFWORLD")" \
        --temperature 0 --max-tokens 256 $SMALL_PLAY --out "$RUNS/evaluate-$split" --resume
done
