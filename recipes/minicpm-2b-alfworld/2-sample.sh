#!/bin/sh
# Five roll-outs of every training game; at most 40 steps, an action without a command ends the episode with reward 0.
. "$(dirname "$0")/settings.sh"

$STEPGYM collect stepgym/ALFWorld-v0 $PLACE --env-arg split=train --env-arg preset=oreo \
    --policy "$POLICY" --tasks "$(task_ids alfworld train "$ALFWORLD")" --samples "$SAMPLES" \
    --temperature 1 --max-tokens 256 $SMALL_PLAY --out "$RUNS/log" --resume
