#!/bin/sh
# At every turn the best of K sampled actions by the value function.
. "$(dirname "$0")/settings.sh"

for width in $WIDTHS; do
    $STEPGYM evaluate stepgym/ALFWorld-v0 $PLACE --env-arg split=valid_unseen --env-arg preset=oreo \
        --policy "$RUNS/oreo" --tasks "$(task_ids alfworld valid_unseen "$ALFWORLD")" \
        --search best-of-n --width "$width" --temperature 1 --max-tokens 256 \
        $SMALL_PLAY --out "$RUNS/search-valid_unseen-$width" --resume
done
