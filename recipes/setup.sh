# Read by every step: where things are, and what SMOKE=1 makes of them. POSIX shell.
set -eu

RECIPE_FOLDER=$(cd "$(dirname "$0")" && pwd)
RECIPE=$(basename "$RECIPE_FOLDER")
RECIPES=$(dirname "$RECIPE_FOLDER")
STEPGYM=${STEPGYM:-stepgym}
PYTHON=${PYTHON:-python3}

if [ "${SMOKE:-0}" = 1 ]; then
    # The whole way with a tiny random model of the same architecture on generated data, in a minute or two on a CPU.
    RUNS=${RUNS:-runs/smoke-$RECIPE}
    MODEL=$RUNS/smoke/model GSM8K=$RUNS/smoke/gsm8k MATH=$RUNS/smoke/math ALFWORLD=generated
    [ -d "$RUNS/smoke" ] || $PYTHON "$RECIPES/smoke.py" "$ARCHITECTURE" "$RUNS/smoke"
    SMALL_SFT="--use-cpu --no-bf16 --max-steps $SMOKE_SFT_STEPS --learning-rate 3e-3 --max-length 4096
        --per-device-train-batch-size 8 --gradient-accumulation-steps 1 --logging-steps 20"
    SMALL_OREO="--use-cpu --no-bf16 --max-steps 4 --learning-rate 1e-4 --value-learning-rate 1e-3 --max-length 4096
        --per-device-train-batch-size 4 --gradient-accumulation-steps 1 --logging-steps 1"
    SMALL_PLAY="--device cpu --max-tokens 32"
    SAMPLES=4 WIDTHS=2
else
    RUNS=${RUNS:-runs/$RECIPE}
    SMALL_SFT='' SMALL_OREO='' SMALL_PLAY=''
fi
mkdir -p "$RUNS"

# task_ids NAME SPLIT PATH: the ids of all tasks of a split, one a line, in a file whose name is printed.
task_ids() {
    $PYTHON "$RECIPES/tasks.py" "$1" "$2" "$3" > "$RUNS/$1-$2.txt"
    echo "$RUNS/$1-$2.txt"
}
