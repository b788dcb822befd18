#!/bin/sh
# Supervised fine-tuning on the worked solutions of both train splits.
. "$(dirname "$0")/settings.sh"

[ -d "$RUNS/demonstrations" ] ||
    $PYTHON "$RECIPES/demonstrations.py" "$RUNS/demonstrations" gsm8k="$GSM8K" math="$MATH"
$STEPGYM train "$RUNS/demonstrations" --model "$MODEL" --method sft \
    --num-train-epochs 3 --learning-rate 2e-5 --max-length 2048 --eval-fraction 0 \
    --per-device-train-batch-size 4 --gradient-accumulation-steps 32 --bf16 \
    --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_SFT --out "$RUNS/sft" --resume
