#!/bin/sh
# OREO: all weights of the policy, an adapter of rank 64 for the value; two passes over 4 + 4 episodes a question.
. "$(dirname "$0")/settings.sh"

$STEPGYM train "$RUNS/log.jsonl" --model "$POLICY" ${REFERENCE:+--reference "$REFERENCE"} --method oreo --balance 4 \
    --level token --beta 0.03 --alpha 0.01 --loss-norm episode --value-lora 64 --lora-alpha 64 \
    --num-train-epochs 2 --learning-rate 5e-6 --value-learning-rate 1e-4 --max-length 2048 --eval-fraction 0 \
    --per-device-train-batch-size 2 --gradient-accumulation-steps 64 --bf16 \
    --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_OREO --out "$RUNS/oreo" --resume
