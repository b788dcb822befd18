"""Plain text tables for terminals."""

from __future__ import annotations

from collections.abc import Sequence

from stepgym.verifiers.verdict import printable


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Aligned columns under `headers`: the first `left` columns to the left, the others to the right.

    Control characters in a cell are shown as escapes, so that a name from a log never reaches the terminal raw.
    """
    cells = [[_cell(text) for text in row] for row in (headers, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
    lines = []
    for row in cells:
        parts = [
            text.ljust(w) if i < left else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(parts).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cell(text: str) -> str:
    return printable(text).replace("\n", "\\n")
