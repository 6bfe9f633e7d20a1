"""Minimal pairs of sentences, as BLiMP's JSON lines hold them: what is read, and the one word that differs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from model.text import normalised
from training.errors import EvaluationError
from training.evaluation.ngram import words_of
from training.mining import BLANK_IN_TEXT


@dataclass(frozen=True)
class Difference:
    """The one word in which two sentences differ, and what they share."""

    before: str
    good: str
    bad: str
    after: str


@dataclass(frozen=True)
class OnePrefix:
    """BLiMP's one-prefix method: one beginning, and the two words that may follow it. Normalised."""

    prefix: str
    good: str
    bad: str


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences, normalised."""

    good: str
    bad: str
    phenomenon: str
    """The UID of its line, else the name of the file."""
    place: str
    one_prefix: OnePrefix | None = None
    """Where the line has its three fields."""

    @property
    def difference(self) -> Difference | None:
        """The word that differs; None unless it is exactly one, and where the rest holds a blank already."""
        n_before = _n_common(self.good, self.bad)
        while n_before and self.good[n_before - 1].isalnum():
            n_before -= 1
        before, good, bad = self.good[:n_before], self.good[n_before:], self.bad[n_before:]
        good_word, bad_word = next(iter(words_of(good)), ""), next(iter(words_of(bad)), "")
        after = good[len(good_word) :]
        if not good_word.isalpha() or not bad_word.isalpha() or good_word == bad_word or after != bad[len(bad_word) :]:
            return None
        return None if BLANK_IN_TEXT.search(before + after) else Difference(before, good_word, bad_word, after)


def read_pairs(lines: Iterable[tuple[str, str, str]]) -> list[MinimalPair]:
    """The pairs of (file's name, place, line of JSON). Raises EvaluationError, naming the place, for other lines."""
    pairs: list[MinimalPair] = []
    for name, place, line in lines:
        try:
            record = json.loads(line)
        except ValueError as error:
            raise EvaluationError(f"{place}: invalid JSON ({error}); expected BLiMP's JSON lines.") from error
        good, bad = (_sentence(record, field, place) for field in ("sentence_good", "sentence_bad"))
        if good == bad:
            raise EvaluationError(f"{place}: the two sentences are the same: {good!r}.")
        pairs.append(MinimalPair(good, bad, str(record.get("UID") or name), place, _one_prefix(record, place)))
    if not pairs:
        raise EvaluationError("no minimal pair in the data; expected BLiMP's JSON lines.")
    return pairs


def _sentence(record: object, field: str, place: str) -> str:
    sentence = record.get(field) if isinstance(record, dict) else None
    if not isinstance(sentence, str) or not normalised(sentence):
        raise EvaluationError(f"{place}: no sentence in the field {field}; expected BLiMP's JSON lines.")
    return normalised(sentence)


def _one_prefix(record: dict[str, object], place: str) -> OnePrefix | None:
    fields = [record.get(f"one_prefix_{name}") for name in ("prefix", "word_good", "word_bad")]
    if all(field is None for field in fields):
        return None
    if not all(isinstance(field, str) for field in fields):
        raise EvaluationError(
            f"{place}: one_prefix_prefix, one_prefix_word_good and one_prefix_word_bad must be texts, all "
            "three or none."
        )
    prefix, good, bad = (normalised(str(field)) for field in fields)
    if not good or not bad or good == bad or BLANK_IN_TEXT.search(" ".join((prefix, good, bad))):
        raise EvaluationError(
            f"{place}: the words after the one prefix are {good!r} and {bad!r}; expected two different words, and no "
            "blank."
        )
    return OnePrefix(prefix, good, bad)


def _n_common(first: str, second: str) -> int:
    """Length of the common beginning."""
    differing = (place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(differing, min(len(first), len(second)))
