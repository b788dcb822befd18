"""The files of a new package: paths and texts with @Name@, @snake@, @slug@ and @package@ to be filled in."""

from __future__ import annotations

_PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "stepgym-@slug@"
version = "0.1.0"
description = "One @KIND@ for stepgym."
requires-python = ">=3.11"
dependencies = ["stepgym"]

# Where stepgym finds what this package offers; `stepgym list` shows it once the package is installed.
[project.entry-points."stepgym.@GROUP@"]
@slug@ = "@TARGET@"

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools.package-data]
@package@ = ["*.jsonl"]
"""

_VERIFIER_FILE = '''
"""`@Name@Verifier`: change `verify` to judge what you want to judge."""

from __future__ import annotations

import re
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers import Finding, Verdict

# Bounded: a response is text from a model and may hold anything, of any length.
_ANSWER = re.compile(r"answer:[ \\t]{0,20}(?P<answer>[^\\r\\n]{1,200})", re.IGNORECASE)


class @Name@Verifier:
    """Correct when what follows the last "answer:" is the reference, apart from case and white space."""

    name = "@slug@/1"

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; raises `InvalidInputError` for a reference that is no text."""
        if not isinstance(reference, str) or not reference.strip():
            raise InvalidInputError(f"@slug@: the reference must be a text, got {reference!r:.80}")
        found = None
        for found in _ANSWER.finditer(response):  # noqa: B007 - the last one counts
            pass
        if found is None:
            return Verdict.wrong(reason="no line 'answer: ...'", verifier=self.name)
        start, answer = found.start("answer"), found["answer"].rstrip()
        evidence = {"expected": reference, "found": answer}
        if answer.casefold() == reference.strip().casefold():
            proved = Finding(start, start + len(answer), "answer", "proved", "equals the reference", evidence)
            return Verdict.correct(proved, verifier=self.name)
        wrong = Finding(start, start + len(answer), "answer", "refuted", "is not the answer", evidence)
        return Verdict.wrong(wrong, verifier=self.name)
'''

_CASES = """
{"response": "I think so.\\nanswer: Paris", "reference": "Paris", "expected": "correct"}
{"response": "Answer:  paris  ", "reference": "Paris", "expected": "correct"}
{"response": "answer: Rome", "reference": "Paris", "expected": "wrong"}
{"response": "answer: Paris\\nanswer: Rome", "reference": "Paris", "expected": "wrong"}
{"response": "Paris", "reference": "Paris", "expected": "wrong"}
"""

_VERIFIER_TEST = '''
"""Run with `pytest` after `pip install -e .`."""

from pathlib import Path

from @package@.verifier import @Name@Verifier
from stepgym.verifiers import check_verifier

CASES = Path(__file__).with_name("cases.jsonl")


def test_the_verifier_keeps_its_promises():
    """Never an exception, spans inside the response, the same verdict again, bounded time."""
    card = check_verifier(@Name@Verifier(), CASES)
    print(card)


def test_every_case_is_judged_as_labelled():
    """One line of cases.jsonl for each thing your verifier must know."""
    assert not check_verifier(@Name@Verifier(), CASES).disagreements


def test_it_says_where_the_answer_is_wrong():
    """A finding marks the span and holds what anyone can check."""
    response = "It is in Italy.\\nanswer: Rome"
    (finding,) = @Name@Verifier().verify(response, "Paris").findings
    assert response[finding.start : finding.end] == "Rome"
    assert finding.evidence == {"expected": "Paris", "found": "Rome"}
'''

_VERIFIER_README = """
# stepgym-@slug@

A verifier for stepgym: `stepgym.verifiers.get_verifier("@slug@")`.

```console
$ pip install -e .
$ pytest
$ stepgym list verifiers
```

| file | what it is |
|---|---|
| `src/@package@/verifier.py` | the verifier: one method |
| `tests/cases.jsonl` | labelled responses: add what yours must know |
| `tests/test_@snake@.py` | the conformance check and the cases |
"""

VERIFIER = {
    "pyproject.toml": _PROJECT.replace("@KIND@", "verifier")
    .replace("@GROUP@", "verifiers")
    .replace("@TARGET@", "@package@.verifier:@Name@Verifier"),
    "README.md": _VERIFIER_README,
    "src/@package@/__init__.py": '"""A verifier for stepgym."""\n',
    "src/@package@/verifier.py": _VERIFIER_FILE,
    "tests/cases.jsonl": _CASES,
    "tests/test_@snake@.py": _VERIFIER_TEST,
}

_ENV_INIT = '''
"""An environment for stepgym: some tasks and a verifier, registered when this package is imported."""

import stepgym

stepgym.register(
    "@slug@/@Name@-v0",
    tasks="@package@:tasks.jsonl",
    verifier="exact",
    verifier_kwargs={"ignore_case": True},
    instructions="Answer with the name alone.",
    summary="change me: one line for `stepgym list`",
)
'''

_TASKS = """
{"id": "fr", "prompt": "What is the capital of France?", "reference": "Paris"}
{"id": "np", "prompt": "What is the capital of Nepal?", "reference": ["Kathmandu", "Katmandu"]}
{"id": "gl", "prompt": "What is the capital of Greenland?", "reference": "Nuuk"}
"""

_ENV_TEST = '''
"""Run with `pytest` after `pip install -e .`."""

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import @package@  # noqa: F401 - registers the id
from stepgym.envs import check_text_env


@pytest.mark.filterwarnings("error")
def test_gymnasium_accepts_it():
    """Gymnasium's own promises, without a warning."""
    check_env(gymnasium.make("@slug@/@Name@-v0").unwrapped)


def test_the_environment_keeps_its_promises():
    """What stepgym asks of text environments."""
    print(check_text_env(gymnasium.make("@slug@/@Name@-v0")))


@pytest.mark.parametrize(("answer", "reward"), [("Paris", 1.0), ("paris", 1.0), ("Rome", 0.0)])
def test_an_answer(answer, reward):
    """One task, answered right and wrong."""
    env = gymnasium.make("@slug@/@Name@-v0")
    question, _ = env.reset(options={"task": "fr"})
    assert "France" in question
    _, got, terminated, truncated, _ = env.step(answer)
    assert (got, terminated, truncated) == (reward, True, False)
'''

_ENV_README = """
# stepgym-@slug@

An environment for stepgym: `@slug@/@Name@-v0`.

```console
$ pip install -e .
$ pytest
$ stepgym play @slug@/@Name@-v0
```

| file | what it is |
|---|---|
| `src/@package@/__init__.py` | registers the environment: some tasks and a verifier |
| `src/@package@/tasks.jsonl` | the tasks: id, prompt, reference |
| `tests/test_@snake@.py` | both conformance checks and an episode |

A world of your own, with state and several turns, is a subclass of `stepgym.envs.TextEnv`: give its
"module:Class" as `entry_point` in place of tasks and verifier.
"""

ENVIRONMENT = {
    "pyproject.toml": _PROJECT.replace("@KIND@", "environment")
    .replace("@GROUP@", "envs")
    .replace("@TARGET@", "@package@"),
    "README.md": _ENV_README,
    "src/@package@/__init__.py": _ENV_INIT,
    "src/@package@/tasks.jsonl": _TASKS,
    "tests/test_@snake@.py": _ENV_TEST,
}
