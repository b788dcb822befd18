#!/bin/sh
# Nothing to do: DeepSeekMath-7B-Instruct is fine-tuned already. A smoke test trains its random model here.
. "$(dirname "$0")/settings.sh"

[ "${SMOKE:-0}" = 1 ] || exit 0
[ -d "$RUNS/demonstrations" ] ||
    $PYTHON "$RECIPES/demonstrations.py" "$RUNS/demonstrations" gsm8k="$GSM8K" math="$MATH"
$STEPGYM train "$RUNS/demonstrations" --model "$MODEL" --method sft --eval-fraction 0 \
    --prompt plain --prompt-prefix "$PREFIX" --prompt-suffix "$SUFFIX" \
    $SMALL_SFT --out "$RUNS/sft" --resume
