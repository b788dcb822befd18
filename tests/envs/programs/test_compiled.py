"""The interpreter of the tree and g++ agree: many programs in one compilation, because one takes a second."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stepgym.envs import Task
from stepgym.envs.programs import write_solution
from stepgym.envs.programs.tasks import draw_tasks

HARNESS = """
static int wrong = 0;
static void check(const char* name, int (*program)(), const std::string& input, const std::string& expected) {
  std::istringstream in(input);
  std::ostringstream out;
  std::cin.clear();
  auto* old_in = std::cin.rdbuf(in.rdbuf());
  auto* old_out = std::cout.rdbuf(out.rdbuf());
  program();
  std::cin.rdbuf(old_in);
  std::cout.rdbuf(old_out);
  if (out.str() != expected) {
    wrong++;
    printf("%s on %s: expected %s, got %s\\n", name, input.c_str(), expected.c_str(), out.str().c_str());
  }
}
"""


def together(tasks: list[Task]) -> str:
    """One program that runs the tests of all tasks."""
    parts, calls = ["#include <bits/stdc++.h>", HARNESS], []
    for number, task in enumerate(tasks):
        body = write_solution(task).split("\n", 2)[2].replace("int main() {", "int program() {")
        parts.append(f"namespace p{number} {{\nusing namespace std;\n{body}}}")
        for test in task.reference["tests"]:
            texts = [f'R"~({test[name]})~"' for name in ("input", "output")]
            calls.append(f'check("{task.id}", p{number}::program, {texts[0]}, {texts[1]});')
    return "\n".join([*parts, "int main() {", *calls, "return wrong;", "}\n"])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("flags", [(), ("-fsanitize=address,undefined", "-fno-sanitize-recover")])
def test_compiled_programs_print_what_the_interpreter_says(tmp_path: Path, flags: tuple[str, ...]) -> None:
    tasks = list(draw_tasks(40 if flags else 80, 21, tests=5))
    (tmp_path / "all.cpp").write_text(together(tasks), encoding="utf-8")
    command = ["g++", "-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", *flags, "all.cpp", "-o", "all"]
    compiled = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    if flags and "cannot find -l" in compiled.stderr:
        pytest.skip("needs the sanitizers' libraries")
    assert compiled.returncode == 0, compiled.stderr[:3000]
    done = subprocess.run([tmp_path / "all"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
