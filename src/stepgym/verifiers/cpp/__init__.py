"""C++ programs judged by the compiler and by tests, in a sandbox."""

from __future__ import annotations

from stepgym.verifiers.cpp.verifier import CppVerifier

__all__ = ["CppVerifier"]
