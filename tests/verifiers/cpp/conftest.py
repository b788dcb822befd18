from __future__ import annotations

import shutil

import pytest

from stepgym.verifiers import CppVerifier
from stepgym.verifiers.cpp.toolchain import CompilerMissingError
from stepgym.verifiers.sandbox import Limits, SandboxMissingError

SOLUTION = """#include <iostream>
#include <vector>
using namespace std;
int twice(int x) {
  return x * 2;
}
int main() {
  int n;
  cin >> n;
  vector<int> a(n);
  for (int i = 0; i < n; i++) {
    cin >> a[i];
  }
  int s = 0;
  for (int i = 0; i < n; i++) {
    if (a[i] % 2 == 0) {
      s += twice(a[i]);
    }
  }
  cout << "sum " << s << endl;
  return 0;
}
"""
TESTS = [
    {"input": "3\n1 2 4\n", "output": "sum 12\n"},
    {"input": "0\n", "output": "sum 0\n"},
    {"input": "1\n5\n", "output": "sum 0\n"},
]
REFERENCE = {"tests": TESTS, "solution": SOLUTION}
TESTS_ONLY = {"tests": TESTS}


def _make(**arguments) -> CppVerifier:
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    try:
        return CppVerifier(**arguments)
    except (CompilerMissingError, SandboxMissingError) as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def verifier() -> CppVerifier:
    return _make(cpu_seconds=1.0)


@pytest.fixture(scope="session")
def tight() -> CppVerifier:
    """With small limits, for programs that run into them."""
    limits = Limits(
        cpu_seconds=3, wall_seconds=20, memory_mb=512, processes=24, file_mb=32, disk_mb=64, output_kb=4_096
    )
    return _make(cpu_seconds=0.3, memory_mb=64, output_kb=256, compile_limits=limits, locate_crashes=False)


@pytest.fixture(scope="session")
def sanitizing() -> CppVerifier:
    return _make(sanitize=True)
