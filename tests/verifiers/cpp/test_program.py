"""Reading the program out of a response."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepgym.verifiers.cpp.program import read_program

MAIN = "int main() {}\n"


@pytest.mark.parametrize(
    ("response", "program"),
    [
        ("int main() {}", "int main() {}"),
        ("Here:\n```cpp\nint x;\n```\nDone.", "int x;\n"),
        ("```cpp\nint x;", "int x;"),
        ("```\nfirst\n```\nand\n```c++\nsecond\n```", "second\n"),
        ("```cpp\nint x;\n```\n```\n```\n", "int x;\n"),
        ("```cpp\r\nint x;\r\n```\r\n", "int x;\r\n"),
        ("```cpp\nopen\n```cpp\nagain\n```", "again\n"),
        ("```cpp", ""),
        ("", ""),
    ],
)
def test_the_program_in_a_response(response, program):
    assert_read(response, program)


@pytest.mark.parametrize(
    ("response", "program"),
    [
        ("```cpp\nint main() {}```", "int main() {}"),
        ("```cpp\nint main() {}```  \nDone.\n```\n5\n```", "int main() {}"),
        ("```cpp\nint main() {} // done```", "int main() {} // done"),
        ("~~~cpp\nint main() {}~~~\n", "int main() {}"),
        ('```cpp\n/// ```\n * ```\nint main() { puts("```\n```', '/// ```\n * ```\nint main() { puts("```\n'),
        ("````cpp\n// ```\n```\nint x;\n````\n", "// ```\n```\nint x;\n"),
        ("```cpp\nint x;\n`````\n", "int x;\n"),
        ("~~~ c++\nint x;\n```\n~~~~\n", "int x;\n```\n"),
        ("```cpp\nint x;\n~~~\n```", "int x;\n~~~\n"),
        ("`` `\nint x;", "`` `\nint x;"),
    ],
)
def test_what_closes_a_block(response, program):
    assert_read(response, program)


@pytest.mark.parametrize("tag", ["cpp", "c++", "C++", "cc", "cxx", "CPP", "cpp title=a.cpp", "{.cpp}", "c++17"])
def test_a_tagged_block_goes_before_others(tag):
    other = "```\n#include <map>\nint main() { }\n```\n```csharp\nint main()\n```\n```c\nx\n```\n"
    assert_read(f"{other}```{tag}\n{MAIN}```\nSample run:\n```\n5\n```\n{other}", MAIN)


@pytest.mark.parametrize("after", ["```bash\ng++ a.cpp\n```", "Sample run:\n```\n1 2\n```", "~~~text\nx\n~~~", "```\n"])
@pytest.mark.parametrize("tag", ["", "c", "cpp"])
def test_a_block_of_something_else_does_not_replace_the_program(tag, after):
    assert_read(f"```{tag}\n{MAIN}```\n{after}", MAIN)
    assert_read(f"```{tag}\n#include <x>\n```\n{after}", "#include <x>\n")


def test_the_last_of_several_programs():
    assert_read("```cpp\nint a;\n```\n```cc\nint b;\n```\n", "int b;\n")
    assert_read("```\nint main() { a }\n```\n```\nint main() { b }\n```\n```\n3\n```", "int main() { b }\n")
    assert_read("```\na\n```\n```\nb\n```", "b\n")
    assert_read("```cpp\nint a;\n```bash\nls\n```", "int a;\n")


@given(st.text(alphabet="a`~\n c+/", max_size=60))
def test_the_program_stands_where_it_says(response):
    found = read_program(response)
    assert response[found.start : found.start + len(found.text)] == found.text


@given(
    st.lists(
        st.sampled_from(["Füße 𝟒\n", "```\n5\n```\n", "~~~sh\n```\nls\n~~~\n", "````\n```\n\n````\r\n"]), max_size=4
    ),
    st.lists(st.sampled_from(["Done.\n", "```\n5\n```\n", "~~~~\n~~~\n```\n"]), max_size=4),
    st.sampled_from(["```", "````", "~~~", "~~~~~"]),
    st.sampled_from(["int x;\n", "int x;\r\n", "int x;", "\n\n  é𝟒;\n"]),
)
def test_the_tagged_program_is_found_with_its_place_in_the_whole_response(before, after, fence, program):
    lead = "".join(before)
    found = read_program(f"{lead}{fence}cpp\n{program}{fence}\n{''.join(after)}")
    assert (found.text, found.start) == (program, len(lead) + len(fence) + 4)


def assert_read(response: str, program: str) -> None:
    found = read_program(response)
    assert found.text == program
    assert response[found.start : found.start + len(found.text)] == found.text
