#!/bin/sh
# OREO on the log: 128 episodes an update, three passes (the paper; the authors' script has five).
. "$(dirname "$0")/settings.sh"

$STEPGYM train "$RUNS/log" --model "$POLICY" ${REFERENCE:+--reference "$REFERENCE"} --method oreo \
    --level token --beta 0.03 --alpha 0.01 --loss-norm episode \
    --num-train-epochs 3 --learning-rate 5e-6 --value-learning-rate 5e-6 --max-length 4096 --eval-fraction 0 \
    --per-device-train-batch-size 2 --gradient-accumulation-steps 64 --bf16 \
    $SMALL_OREO --out "$RUNS/oreo" --resume
