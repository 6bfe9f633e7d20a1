"""WinoBias's files: sentences with an occupation and a pronoun in brackets, and the same with persons in place of both
occupations.

A line is `N The ... [entity] ... [pronoun] ...`; a file is named `pro_stereotyped_type1.txt.dev` and the like. Source:
Zhao et al. 2018, Gender bias in coreference resolution: evaluation and debiasing methods. Knows no network.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import regex
import yaml

from training.errors import EvaluationError
from training.evaluation.benchmark_files import benchmark_files, numbered_lines

FILE_NAME = regex.compile(r"(?P<kind>pro|anti)_stereotyped_type(?P<type>[12])\.txt(?P<part>\.\w+)?")
EXPECTED = "WinoBias's files, named like pro_stereotyped_type1.txt.dev, with lines like `1 [The cook] ... [she] ...`"
SPACE_BEFORE_MARK = regex.compile(r" +(?='s\b|[.,;:!?])")
ARTICLE = regex.compile(r"\b(?:the|an?) $", regex.IGNORECASE)
LEADING_ARTICLE = regex.compile(r"^(?:the|an?) +", regex.IGNORECASE)

Span = tuple[int, int]


@dataclass(frozen=True)
class Sentence:
    """One line, its brackets taken off."""

    kind: str
    """pro or anti: whether the pronoun is the stereotypical one."""
    type: int
    """1: what the pronoun refers to follows from the world; 2: from the sentence's build."""
    number: int
    """The line's own; the pro and the anti file of a type and part share their numbers."""
    text: str
    entities: tuple[Span, ...]
    """What the pronoun refers to, with its article."""
    pronouns: tuple[Span, ...]
    place: str
    part: str
    """Folder and ending (.dev, .test) of the file: each part numbers its lines from 1."""

    @property
    def key(self) -> tuple[str, int, int]:
        """What a sentence shares with its counterpart in the other file of its part."""
        return self.part, self.type, self.number

    def of(self, span: Span) -> str:
        """The words of a span."""
        return self.text[slice(*span)]


@dataclass(frozen=True)
class Substituted:
    """A sentence with persons in place of its two occupations."""

    text: str
    pronoun: Span
    referent_first: bool
    """Whether the person that the pronoun refers to is named before the other."""
    referent_nearest: bool
    """Whether no letter of the other person stands closer to the pronoun."""


def read_winobias(data: Sequence[Path], forms: Collection[str]) -> list[Sentence]:
    """The sentences of all files. `forms`: the pronouns, lower case.

    Raises EvaluationError, naming file and line, for a line of another build, and for a file of another name.
    """
    files = benchmark_files(data, lambda name: FILE_NAME.fullmatch(name) is not None, EXPECTED)
    sentences: list[Sentence] = []
    for path in files:
        named = FILE_NAME.fullmatch(path.name)
        if named is None:
            raise EvaluationError(f"{path}: its name does not say pro or anti and the type; expected {EXPECTED}.")
        part = f"{path.parent}/{named['part'] or ''}"
        read = [
            _sentence(line, named["kind"], int(named["type"]), place, part, forms)
            for place, line in numbered_lines(path, EXPECTED)
        ]
        if not read:
            raise EvaluationError(f"{path}: no line in this file; expected {EXPECTED}.")
        sentences += read
    return sentences


def occupations_of(sentences: Sequence[Sentence]) -> frozenset[str]:
    """Every occupation that stands in brackets somewhere, lower case, without its article."""
    spans = ((sentence, span) for sentence in sentences for span in sentence.entities)
    return frozenset(LEADING_ARTICLE.sub("", sentence.of(span)).lower() for sentence, span in spans)


@cache
def persons() -> tuple[tuple[str, str], ...]:
    """Our own pairs of gendered persons, masculine first."""
    text = (resources.files("training.evaluation") / "persons.yaml").read_text(encoding="utf-8")
    return tuple((masculine, feminine) for masculine, feminine in yaml.safe_load(text))


def substituted(sentence: Sentence, occupations: Collection[str], referent: str, other: str) -> Substituted | str:
    """The sentence with "the `referent`" and "the `other`" in place of its occupations; or why it has none."""
    others = _others(sentence, occupations)
    if len({LEADING_ARTICLE.sub("", sentence.of(span)).lower() for span in others}) != 1:
        return "not exactly one other occupation"
    changes = [(span, referent) for span in sentence.entities] + [(span, other) for span in others]
    pronoun_start, pronoun_end = sentence.pronouns[0]
    text, kept_from = "", 0
    pronoun = (0, 0)
    placed: dict[str, list[Span]] = {referent: [], other: []}
    for (start, end), person in sorted([*changes, ((pronoun_start, pronoun_end), "")]):
        text += sentence.text[kept_from:start]
        written = sentence.text[start:end]
        if person:
            written = ("The " if written[0].isupper() and start == 0 else "the ") + person
            placed[person].append((len(text), len(text) + len(written)))
        else:
            pronoun = (len(text), len(text) + len(written))
        text += written
        kept_from = end
    text += sentence.text[kept_from:]
    distances = {person: min(_distance(span, pronoun) for span in spans) for person, spans in placed.items()}
    first = min(placed[referent]) < min(placed[other])
    return Substituted(text, pronoun, first, distances[referent] <= distances[other])


def _sentence(line: str, kind: str, number_of_type: int, place: str, part: str, forms: Collection[str]) -> Sentence:
    numbered = regex.match(r"\s*(\d+)\s+(.*\S)\s*$", line)
    if numbered is None:
        raise EvaluationError(f"{place}: no number at the begin of the line; expected {EXPECTED}.")
    rest = SPACE_BEFORE_MARK.sub("", numbered[2])
    text, kept_from = "", 0
    entities: list[Span] = []
    pronouns: list[Span] = []
    for bracket in regex.finditer(r"\[([^\[\]]*)\]", rest):
        text += rest[kept_from : bracket.start()]
        words = bracket[1].strip()
        kept_from = bracket.end()
        if words.lower() in forms:
            pronouns.append((len(text), len(text) + len(words)))
            text += words
            continue
        article = ARTICLE.search(text)
        if article and LEADING_ARTICLE.match(words):  # "the [the physician]"
            text = text[: article.start()]
        start = article.start() if article else len(text)
        text += words
        entities.append((start, len(text)))
    text += rest[kept_from:]
    if "[" in text or "]" in text:
        raise EvaluationError(f"{place}: a bracket without its counterpart; expected {EXPECTED}.")
    if not entities or not pronouns:
        what = "no occupation" if not entities else "no pronoun of the bundle's pairs"
        raise EvaluationError(f"{place}: {what} in brackets; expected {EXPECTED}.")
    return Sentence(kind, number_of_type, int(numbered[1]), text, tuple(entities), tuple(pronouns), place, part)


def _others(sentence: Sentence, occupations: Collection[str]) -> list[Span]:
    """Where occupations stand that are not in brackets, with their articles."""
    names = "|".join(regex.escape(name) for name in sorted(occupations, key=len, reverse=True))
    found = regex.finditer(rf"\b(?:the|an?) (?:{names})\b", sentence.text, regex.IGNORECASE)
    spans = [match.span() for match in found]
    return [span for span in spans if not any(a < span[1] and span[0] < b for a, b in sentence.entities)]


def _distance(first: Span, second: Span) -> int:
    """Characters between two spans."""
    return max(second[0] - first[1], first[0] - second[1], 0)
