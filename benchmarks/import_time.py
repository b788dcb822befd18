"""What `import stepgym` costs beside `import gymnasium`, which it needs: CPU time of fresh processes, taken in turns.

    python benchmarks/import_time.py

Prints the best of `--rounds` of each and their ratio; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    seconds("stepgym")  # writes the byte code
    pairs = [(seconds("stepgym"), seconds("gymnasium")) for _ in range(arguments.rounds)]
    ours, theirs = (min(times) for times in zip(*pairs, strict=True))
    print(f"stepgym {1000 * ours:.0f} ms, gymnasium {1000 * theirs:.0f} ms: {ours / theirs:.2f} x")
    print(json.dumps({"stepgym": round(ours, 4), "gymnasium": round(theirs, 4), "ratio": round(ours / theirs, 3)}))


def seconds(module: str) -> float:
    """CPU seconds of one import in a fresh process."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
