"""Programs that want to do harm, while they are compiled and while they run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .conftest import REFERENCE, TESTS_ONLY

MAIN = "\nint main() { return 0; }\n"
# While it is compiled. What the verdict is depends on the compiler's own limits; it is never "correct".
COMPILER_BOMBS = {
    "includes itself": '#include "main.cpp"\n#include "main.cpp"\n' + MAIN,
    "includes itself by name": "#include __FILE__\n" + MAIN,
    "includes a device": "#include </dev/zero>\n" + MAIN,
    "includes its input": '#include "/dev/stdin"\n#include </proc/self/fd/0>\n' + MAIN,
    "includes a secret": "#include </etc/shadow>\n" + MAIN,
    "templates without end": "template <int N> struct A { static const int v = A<N + 1>::v; };\nint x = A<0>::v;"
    + MAIN,
    "templates in all directions": (
        "template <int N, class T> struct A { using t = typename A<N - 1, A<N, T>>::t; using u = typename A<N - 1, "
        "A<N, A<N, T>>>::t; };\ntemplate <class T> struct A<0, T> { using t = T; };\nA<24, int>::t x;" + MAIN
    ),
    "constant loop": "constexpr long f() { long s = 0; while (true) s++; return s; }\nconstexpr long x = f();" + MAIN,
    "constant recursion": "constexpr int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2); }\nconstexpr int x = f(60);"
    + MAIN,
    "four gigabytes of object": "int a[1 << 30] = {1};" + MAIN,
    "assembler loop": 'asm(".rept 2000000000\\n.quad 1\\n.endr");' + MAIN,
    "assembler reads a file": 'asm(".incbin \\"/etc/shadow\\"");' + MAIN,
    "macros that double": "#define A0 1+1\n"
    + "".join(f"#define A{n} A{n - 1}+A{n - 1}\n" for n in range(1, 40))
    + "int x = A39;"
    + MAIN,
    "deep brackets": "int main() { return " + "(" * 25_000 + "1" + ")" * 25_000 + "; }",
    "deep blocks": "int main() " + "{" * 30_000 + "}" * 30_000,
    "thousands of errors": "int main() {\n" + "x;\n" * 15_000 + "}",
    "a huge enumeration of candidates": "#include <iostream>\nint main() {\n" + "std::cout << std::cin;\n" * 500 + "}",
    "link without end": "extern int f();\nint main() { return f(); }",
    "line directives": '#line 1000000 "/etc/passwd"\nint main() { return x; }',
    "pragma that poisons": "#pragma GCC poison main int\nint main() {}",
    "system header": "#pragma GCC system_header\n#error no\nint main() { return x; }",
    "nothing but a directive": "#",
    "unfinished line": "int main() { return 0; \\",
}


@pytest.mark.parametrize("name", COMPILER_BOMBS)
def test_compiler_bombs_are_bounded(tight, name):
    program = COMPILER_BOMBS[name]
    started = time.perf_counter()
    verdict = tight.verify(program, TESTS_ONLY)
    assert time.perf_counter() - started < 45
    assert verdict.status in ("wrong", "undecided")
    assert all(finding.end <= len(program) for finding in verdict.findings)
    assert "root:" not in str(verdict.to_dict())
    assert not list(tight.run_folder.iterdir())


HEAD = "#include <bits/stdc++.h>\n#include <sys/socket.h>\n#include <unistd.h>\n"
HOSTILE = {
    "fork bomb": ("int main() { while (true) fork(); }", {"processes", "time-out", "runtime-error"}),
    "ten gigabytes": (
        "int main() { for (int i = 0; i < 10240; i++) memset(malloc(1 << 20), 1, 1 << 20); }",
        {"memory", "runtime-error"},
    ),
    "endless output": ('int main() { while (true) puts("xxxxxxxxxxxxxxxxxxxxxxxx"); }', {"output", "time-out"}),
    "endless loop": ("int main() { volatile int x = 0; while (true) x = x + 1; }", {"time-out"}),
    "sleeps for ever": ("int main() { while (true) sleep(1000); }", {"time-out"}),
    "recursion without end": (
        "int f(int n) { volatile char a[1000]; a[0] = n; return f(n + 1) + a[0]; }\nint main() { return f(0); }",
        {"runtime-error", "memory"},
    ),
    "bytes that are no text": (
        'int main() { std::cout << "\\xff\\xfe\\x00\\x80 sum" << std::endl; }',
        {"wrong-output"},
    ),
    "escape codes": ('int main() { std::cout << "\\x1b[2J\\a" << std::endl; }', {"wrong-output"}),
    "ends by abort": ("int main() { abort(); }", {"runtime-error"}),
    "divides by zero": ("int main(int n, char**) { volatile int x = n - 1; return 100 / x; }", {"runtime-error"}),
    "does not read": ('int main() { std::cout << "sum 12"; }', {"wrong-output"}),
    "exit code": ("int main() { return 7; }", {"runtime-error"}),
    "fills the disk": (
        'int main() { std::string s(1 << 20, 65); std::ofstream f("/tmp/x"); while (f << s) {} puts("full"); }',
        {"wrong-output", "disk", "runtime-error", "memory", "time-out"},
    ),
    "no network": (
        "int main() { int s = socket(AF_INET, SOCK_STREAM, 0); std::cout << s; }",
        {"wrong-output", "runtime-error"},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_stopped_and_wrong(tight, name):
    body, kinds = HOSTILE[name]
    started = time.perf_counter()
    verdict = tight.verify(HEAD + body, TESTS_ONLY)
    assert time.perf_counter() - started < 30
    assert verdict.status == "wrong"
    (found,) = [f for f in verdict.findings if f.severity in ("refuted", "fatal")]
    assert found.kind in kinds
    assert verdict.reason.isprintable()


def test_a_program_cannot_read_or_write_the_users_files(tight, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("sum 12")
    program = HEAD + (
        f'int main() {{ std::ifstream f("{secret}"); std::string l; std::getline(f, l); std::cout << l;\n'
        f'  std::ofstream("{tmp_path}/written") << 1; std::ofstream("written") << 1; }}'
    )
    verdict = tight.verify(program, {"tests": [{"input": "", "output": "sum 12"}]})
    assert verdict.status == "wrong"
    assert "sum 12" not in next(f.evidence["got"] for f in verdict.findings if f.kind == "wrong-output")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert not Path("written").exists()


def test_a_program_does_not_see_the_environment(tight, monkeypatch):
    monkeypatch.setenv("STEPGYM_TEST_SECRET", "plain to see")
    program = HEAD + 'int main() { const char* s = getenv("STEPGYM_TEST_SECRET"); std::cout << (s ? s : "none"); }'
    assert tight.verify(program, {"tests": [{"input": "", "output": "none"}]}).status == "correct"


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("```cpp\n```", "empty"),
        ("int main() {} " + "//" * 500_000, "too-long"),
        ("int main() { \0 }", "compile-error"),
        ("\ud800 int main() {}", "compile-error"),
        ("no program at all", "compile-error"),
        ("int x;", "compile-error"),
    ],
)
def test_what_is_no_program_is_wrong(tight, response, kind):
    verdict = tight.verify(response, REFERENCE)
    assert verdict.status == "wrong"
    assert kind in {f.kind for f in verdict.findings if f.severity in ("refuted", "fatal")}
    assert all(tight.check_finding(f, response, REFERENCE) for f in verdict.findings)


def test_what_cannot_be_printed_is_escaped_once(tight):
    response = REFERENCE["solution"].replace("int main", "\ud800 int main")
    verdict = tight.verify(response, REFERENCE)
    assert "without '\\ud800' the program is right" in [f.message for f in verdict.findings]
    assert "\\\\" not in verdict.explain(response)
    assert verdict.explain(response).replace("\n", "").isprintable()
    escapes = tight.verify(HEAD + 'int main() { std::cout << "\\x1b[2J"; }', TESTS_ONLY)
    assert escapes.reason.startswith("prints '\\x1b[2J' instead of")


def test_windows_line_ends_and_a_byte_order_mark(tight):
    program = REFERENCE["solution"].replace("\n", "\r\n")
    assert tight.verify(program, REFERENCE).status == "correct"
    response = "```cpp\r\n" + program.replace("x * 2", "x * 3") + "```\r\n"
    (found,) = [f for f in tight.verify(response, REFERENCE).findings if f.severity == "refuted"]
    assert response[found.start : found.end] == "3"
    assert tight.verify("\ufeff" + program, REFERENCE).status == "correct"


def test_line_directives_do_not_move_a_finding(tight):
    response = REFERENCE["solution"].replace("int s = 0;", '#line 7 "other.h"\nint s = zero;')
    verdict = tight.verify(response, TESTS_ONLY)
    (found,) = [f for f in verdict.findings if f.severity == "refuted"]
    assert response[found.start : found.end] == "zero"


def test_nothing_is_left_behind(tight):
    assert not list(tight.run_folder.iterdir())
    assert str(os.getpid()) in tight.run_folder.name
