from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "verifiers.md"


def test_the_python_blocks_run_as_pasted_and_print_what_their_comments_say():
    namespace: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 9
    for number, block in enumerate(blocks):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), namespace)  # noqa: S102 (our own page)
        output = printed.getvalue().splitlines()
        for said in re.findall(r"^print\(.*\)\s+# (.+)$", block, re.MULTILINE):
            if said != "the same with the place underlined":
                assert said in output, (number, said, output)


def test_the_underlined_picture_is_what_explain_prints():
    from stepgym.verifiers import MathStepsVerifier

    page = PAGE.read_text(encoding="utf-8")
    solution = "In May she sold 48 / 2 = 25 clips.\nIn all that is 48 + 25 = 73 clips."
    assert MathStepsVerifier().verify(solution, None).explain(solution) in page
