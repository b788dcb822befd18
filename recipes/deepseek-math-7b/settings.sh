# Read by the steps: the model, and how a question is shown to it.
ARCHITECTURE=llama SMOKE_SFT_STEPS=120
. "$(dirname "$0")/../setup.sh"
MODEL=${MODEL:-deepseek-ai/deepseek-math-7b-instruct}
GSM8K=${GSM8K:?the folder of GSM8K, with train.jsonl and test.jsonl}
MATH=${MATH:?the folder of MATH, with train and test}
MATH_TEST=${MATH_TEST:-$MATH}
SAMPLES=${SAMPLES:-16} WIDTHS=${WIDTHS:-3 5 7}
PREFIX='User: '
SUFFIX='\nPlease reason step by step, and put your final answer within \boxed{}.\n\nAssistant:'
# The model is fine-tuned already; only the random one of a smoke test has to learn to answer first.
if [ "${SMOKE:-0}" = 1 ]; then POLICY=${POLICY:-$RUNS/sft}; else POLICY=${POLICY:-$MODEL}; fi
