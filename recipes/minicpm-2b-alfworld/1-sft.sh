#!/bin/sh
# Supervised fine-tuning on TRAJECTORIES, a file of ReAct conversations; without it on the scripted expert.
. "$(dirname "$0")/settings.sh"

if [ -n "${TRAJECTORIES:-}" ]; then
    $STEPGYM import "$TRAJECTORIES" --format alfworld-conversations --path "$ALFWORLD" --split train --preset oreo \
        --out "$RUNS/demonstrations" --resume
else
    $STEPGYM collect stepgym/ALFWorld-v0 $PLACE --env-arg split=train --env-arg preset=oreo \
        --policy alfworld-expert:preset=oreo --tasks "$(task_ids alfworld train "$ALFWORLD")" \
        --out "$RUNS/demonstrations" --resume
fi
$STEPGYM train "$RUNS/demonstrations" --model "$MODEL" --method sft \
    --num-train-epochs 2 --learning-rate 2e-5 --max-length 4096 --eval-fraction 0 \
    --per-device-train-batch-size 2 --gradient-accumulation-steps 64 --bf16 \
    --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_SFT --out "$RUNS/sft" --resume
