#!/bin/sh
# OREO on the log: 128 episodes an update, one pass. REFERENCE=DIR holds the policy to another model than it starts from.
. "$(dirname "$0")/settings.sh"

$STEPGYM train "$RUNS/log.jsonl" --model "$POLICY" ${REFERENCE:+--reference "$REFERENCE"} --method oreo \
    --level token --beta 0.03 --alpha 0.01 --loss-norm episode \
    --num-train-epochs 1 --learning-rate 5e-6 --value-learning-rate 5e-6 --max-length 2048 --eval-fraction 0 \
    --per-device-train-batch-size 4 --gradient-accumulation-steps 32 --bf16 \
    $SMALL_OREO --out "$RUNS/oreo" --resume
