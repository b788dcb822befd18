"""Short answers in words, compared as question answering does: exact match after normalisation, and F1 over words.

Normalisation and F1 are those of HotPotQA (Yang et al. 2018, https://arxiv.org/abs/1809.09600), which took the former
from SQuAD (Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250, section 6.1).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping
from typing import Any

from stepgym.errors import InvalidInputError
from stepgym.verifiers.verdict import Finding, Verdict

_LONGEST = 2_000
_ARTICLES = frozenset({"a", "an", "the"})
_WHOLE = frozenset({"yes", "no", "noanswer"})
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"\S+")


def normalized_answer(text: str) -> str:
    """`text` in lower case, without ASCII punctuation, articles (a, an, the) and needless white space."""
    plain = text.lower().translate(_PUNCTUATION)
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", plain).split())


def answer_f1(answer: str, reference: str) -> tuple[float, float, float]:
    """F1, precision and recall over the words of two answers, each in [0, 1].

    With c words in common (counted with multiplicity), precision is c over the words of the answer, recall c over
    those of the reference, F1 = 2 * precision * recall / (precision + recall). "yes", "no" and "noanswer" have no
    parts: they agree whole or score 0, as in HotPotQA's evaluation.
    """
    left, right = normalized_answer(answer), normalized_answer(reference)
    if left != right and (left in _WHOLE or right in _WHOLE):
        return 0.0, 0.0, 0.0
    given, wanted = Counter(left.split()), Counter(right.split())
    common = (given & wanted).total()
    if not common:
        return 0.0, 0.0, 0.0
    precision, recall = common / given.total(), common / wanted.total()
    return 2 * precision * recall / (precision + recall), precision, recall


class ShortAnswerVerifier:
    """Correct when the normalised answer equals that of the reference; F1 stands in the evidence.

    The reference is a text or a list of texts of which any one is right; of a list, F1 is that of the nearest. The
    answer is what stands in the first pair of tags `<answer> </answer>`, or the whole response where there is none.
    A wrong answer with words of the reference in it has only its other words refuted.

    Args:
        partial_credit: Whether a wrong answer scores its F1 (below 1) instead of 0; the status stays "wrong".
        tag: The name of the tag around the answer.
    """

    name = "short-answer/1"

    def __init__(self, *, partial_credit: bool = False, tag: str = "answer") -> None:
        if not isinstance(tag, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,40}", tag):
            raise InvalidInputError(f"tag must be a word of ASCII letters and digits, got {tag!r:.80}")
        self.partial_credit = partial_credit
        self.tag = tag

    def verify(self, response: str, reference: Any, *, context: str = "") -> Verdict:
        """The verdict on `response`; raises `InvalidInputError` when `reference` holds no text."""
        accepted = _accepted(reference)
        start, end = self._place(response)
        if end - start > _LONGEST:
            message = f"the answer has {end - start:,} characters, more than the {_LONGEST:,} of a short answer"
            return Verdict.wrong(Finding(start, end, "long-answer", "refuted", message), verifier=self.name)
        answer = response[start:end]
        if not answer:
            return Verdict.wrong(Finding(start, end, "no-answer", "fatal", "there is no answer"), verifier=self.name)
        scores = {text: answer_f1(answer, text) for text in accepted}
        nearest = max(scores, key=lambda text: (_same(answer, text), scores[text]))
        f1, precision, recall = (round(value, 6) for value in scores[nearest])
        evidence = {"answer": answer, "expected": nearest, "f1": f1, "precision": precision, "recall": recall}
        if _same(answer, nearest):
            found = Finding(start, end, "short-answer", "proved", f"is {nearest[:200]!r}", evidence)
            return Verdict.correct(found, reason="equal to the reference", verifier=self.name)
        reason = f"{answer[:100]!r} is not {nearest[:100]!r} (F1 {f1:.2f})"
        score = min(f1, 0.99) if self.partial_credit else 0.0
        findings = _refuted(response, start, end, nearest, evidence)
        return Verdict.wrong(*findings, reason=reason, score=score, verifier=self.name)

    def check_finding(self, finding: Finding, response: str, reference: Any, *, context: str = "") -> bool:
        """Whether the claim holds: answer and references word by word."""
        facts: Mapping[str, Any] = finding.evidence
        if finding.kind == "no-answer":
            return not response[finding.start : finding.end].strip()
        if finding.kind == "long-answer":
            return finding.end - finding.start > _LONGEST
        accepted = _accepted(reference)
        if facts["expected"] not in accepted or facts["answer"] not in response:
            return False
        if finding.severity == "proved":
            return any(_words(response[finding.start : finding.end]) == _words(text) for text in accepted)
        return all(_words(facts["answer"]) != _words(text) for text in accepted)

    def _place(self, response: str) -> tuple[int, int]:
        """Where the answer stands, without the white space around it."""
        opening, closing = f"<{self.tag}>", f"</{self.tag}>"
        start, end = 0, len(response)
        first = response.find(opening)
        last = response.find(closing, first + len(opening)) if first >= 0 else -1
        if last >= 0:
            start, end = first + len(opening), last
        part = response[start:end]
        start += len(part) - len(part.lstrip())
        return start, start + len(part.strip())


def _accepted(reference: Any) -> list[str]:
    accepted = [reference] if isinstance(reference, str) else reference
    if not isinstance(accepted, list) or not accepted or not all(isinstance(text, str) for text in accepted):
        raise InvalidInputError(f"short-answer: the reference must be a text or a list of texts, got {reference!r:.80}")
    if any(not text.strip() or len(text) > _LONGEST for text in accepted):
        raise InvalidInputError(f"short-answer: a reference has 1 to {_LONGEST} characters, got {reference!r:.80}")
    return accepted


def _same(answer: str, reference: str) -> bool:
    left, right = normalized_answer(answer), normalized_answer(reference)
    # Of "A" or "The The" nothing is left: such answers are compared with their articles.
    return left == right if left or right else _words(answer) == _words(reference)


def _refuted(response: str, start: int, end: int, expected: str, evidence: dict[str, Any]) -> list[Finding]:
    """One finding for each run of words that the reference does not have, else one for the whole answer."""
    wanted = Counter(normalized_answer(expected).split())
    runs: list[tuple[int, int]] = []
    beside = kept = 0
    for number, match in enumerate(_WORD.finditer(response, start, end)):
        word = match[0].lower().translate(_PUNCTUATION)
        if not word or word in _ARTICLES:
            continue
        if wanted[word] > 0:
            wanted[word] -= 1
            kept += 1
            continue
        if runs and beside == number - 1:
            runs[-1] = (runs[-1][0], match.end())
        else:
            runs.append(match.span())
        beside = number
    if not runs or not kept:
        return [Finding(start, end, "short-answer", "refuted", f"the answer is {expected[:200]!r}", evidence)]
    return [
        Finding(first, last, "short-answer", "refuted", f"not part of the answer {expected[:200]!r}", evidence)
        for first, last in runs
    ]


def _words(text: str) -> list[str]:
    """The words without punctuation and articles; all words where only articles are left, the text without words."""
    words = ["".join(c for c in word if c not in string.punctuation) for word in text.lower().split()]
    named = [word for word in words if word]
    return [word for word in named if word not in _ARTICLES] or named or [text.strip()]
