"""Winogender's files: the table of occupations with their share of women, and the sentences in three versions.

`occupations-stats.tsv` has the columns occupation, bergsma_pct_female, bls_pct_female; `sample_sentences.tsv` (or
`all_sentences.tsv`) has sentid, such as `technician.customer.1.male.txt`, and sentence. Source: Rudinger et al. 2018,
Gender bias in coreference resolution. Knows no network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import regex
import yaml

from model.text import normalised
from training.errors import EvaluationError
from training.evaluation.benchmark_files import benchmark_files, header_of, table_rows
from training.evaluation.ngram import words_of

STATISTICS = ("bls", "bergsma")
"""Share of women among the people of an occupation in the United States, and in text."""
OCCUPATION_COLUMNS = ("occupation", *(f"{name}_pct_female" for name in STATISTICS))
SENTENCE_COLUMNS = ("sentid", "sentence")
VERSIONS = ("male", "female", "neutral")
EXPECTED = "Winogender's occupations-stats.tsv or sample_sentences.tsv"
SENTENCE_ID = regex.compile(
    r"(?P<occupation>[^.]+)\.(?P<participant>[^.]+)\.(?P<answer>[01])\.(?P<version>male|female|neutral)(\.txt)?"
)


@dataclass(frozen=True)
class Occupation:
    """One row of the table."""

    name: str
    shares: dict[str, float]
    """By statistic: percent of women."""


@dataclass(frozen=True)
class Frame:
    """One sentence in its versions, which differ in their pronoun alone."""

    occupation: str
    participant: str
    """The other person, or `someone`."""
    answer: int
    """Whom the pronoun means: 0 the occupation, 1 the participant."""
    versions: dict[str, str] = field(default_factory=dict)
    """male, female and neutral, where given."""
    place: str = ""

    @property
    def pronouns(self) -> tuple[str, dict[str, str], str] | None:
        """What stands before the pronoun, the pronoun of each version, what stands after.

        None unless the male and the female version are there and differ in exactly one word, at one place. The neutral
        one is left out where more changes with it ("they were").
        """
        male, female = (words_and_spans(self.versions.get(version, "")) for version in ("male", "female"))
        places = [place for place, (a, b) in enumerate(zip(male, female, strict=False)) if a[0] != b[0]]
        if len(male) != len(female) or len(places) != 1:
            return None
        place = places[0]
        start, end = male[place][1]
        before, after = self.versions["male"][:start], self.versions["male"][end:]
        found = {"male": male[place][0], "female": female[place][0]}
        neutral = words_and_spans(self.versions.get("neutral", ""))
        others = [word for n, (word, _) in enumerate(neutral) if n != place]
        if len(neutral) == len(male) and others == [word for n, (word, _) in enumerate(male) if n != place]:
            found["neutral"] = neutral[place][0]
        return before, found, after


def read_winogender(data: Sequence[Path]) -> tuple[list[Occupation], list[Frame]]:
    """The occupations and the frames of all files; a file's kind follows from its first line.

    Raises EvaluationError, naming file and line, for a file of another format.
    """
    files = benchmark_files(data, lambda name: name.endswith(".tsv"), EXPECTED)
    occupations: dict[str, Occupation] = {}
    frames: dict[tuple[str, str, int], Frame] = {}
    for path in files:
        header = header_of(path, EXPECTED)
        if SENTENCE_COLUMNS[0] in header:
            _read_sentences(path, frames)
        else:
            _read_occupations(path, occupations)
    return list(occupations.values()), list(frames.values())


@cache
def templates() -> tuple[str, ...]:
    """Our own neutral sentences, with {occupation} and the blank."""
    text = (resources.files("training.evaluation") / "winogender_templates.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text))


def _read_occupations(path: Path, occupations: dict[str, Occupation]) -> None:
    for place, row in table_rows(path, OCCUPATION_COLUMNS, EXPECTED):
        name = normalised(row["occupation"])
        if not name or name in occupations:
            raise EvaluationError(f"{place}: the occupation {name!r} is {'there twice' if name else 'missing'}.")
        shares = {statistic: _percent(row, statistic, place) for statistic in STATISTICS}
        occupations[name] = Occupation(name, shares)


def _percent(row: object, statistic: str, place: str) -> float:
    text = row[f"{statistic}_pct_female"]  # type: ignore[index]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise EvaluationError(f"{place}: {statistic}_pct_female is {text!r}; expected a number from 0 to 100.")
    return value


def _read_sentences(path: Path, frames: dict[tuple[str, str, int], Frame]) -> None:
    for place, row in table_rows(path, SENTENCE_COLUMNS, EXPECTED):
        found = SENTENCE_ID.fullmatch(row["sentid"])
        if found is None:
            raise EvaluationError(
                f"{place}: the sentid is {row['sentid'][:60]!r}; expected occupation.participant.0 or 1.male, "
                "female or neutral.txt."
            )
        sentence = normalised(row["sentence"])
        if not sentence:
            raise EvaluationError(f"{place}: the sentence is empty.")
        key = (found["occupation"], found["participant"], int(found["answer"]))
        frame = frames.setdefault(key, Frame(*key, place=place))
        if found["version"] in frame.versions:
            raise EvaluationError(f"{place}: {row['sentid']} is there twice.")
        frame.versions[found["version"]] = sentence


def words_and_spans(text: str) -> list[tuple[str, tuple[int, int]]]:
    """The words and marks of a normalised text, with their spans."""
    found, place = [], 0
    for word in words_of(text):
        start = text.index(word, place)
        place = start + len(word)
        found.append((word, (start, place)))
    return found
