# Read by the steps: the model, and how a question is shown to it.
ARCHITECTURE=qwen2 SMOKE_SFT_STEPS=120
. "$(dirname "$0")/../setup.sh"
MODEL=${MODEL:-Qwen/Qwen2.5-Math-1.5B}
GSM8K=${GSM8K:?the folder of GSM8K, with train.jsonl and test.jsonl}
MATH=${MATH:?the folder of MATH, with train and test}
MATH_TEST=${MATH_TEST:-$MATH}
SAMPLES=${SAMPLES:-10} WIDTHS=${WIDTHS:-3 5 7}
POLICY=${POLICY:-$RUNS/sft}
PREFIX='<|im_start|>system\nPlease reason step by step, and put your final answer within \boxed{}.<|im_end|>\n<|im_start|>user\n'
SUFFIX='<|im_end|>\n<|im_start|>assistant\n'
