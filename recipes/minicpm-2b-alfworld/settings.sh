# Read by the steps: the model, the games, and how an observation is shown.
ARCHITECTURE=llama SMOKE_SFT_STEPS=30
. "$(dirname "$0")/../setup.sh"
MODEL=${MODEL:-openbmb/MiniCPM-2B-dpo-bf16-llama-format}
ALFWORLD=${ALFWORLD:?the folder with json_2.1.1 or a file packed by stepgym alfworld pack}
SAMPLES=${SAMPLES:-5} WIDTHS=${WIDTHS:-2 3 4 5}
POLICY=${POLICY:-$RUNS/sft}
PREFIX='<用户>'
SUFFIX='<AI>'
if [ "$ALFWORLD" = generated ]; then
    PLACE='--env-arg difficulty=easy'
else
    PLACE="--env-arg path=$ALFWORLD"
fi
