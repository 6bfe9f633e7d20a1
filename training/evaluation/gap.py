"""GAP's files: a text of Wikipedia, an ambiguous pronoun in it, and two names of which one, or none, is meant.

A table with tabs and the columns ID, Text, Pronoun, Pronoun-offset, A, A-offset, A-coref, B, B-offset, B-coref. Source:
Webster et al. 2018, Mind the GAP: a balanced corpus of gendered ambiguous pronouns. Knows no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import EvaluationError
from training.evaluation.benchmark_files import benchmark_files, table_rows

COLUMNS = ("ID", "Text", "Pronoun", "Pronoun-offset", "A", "A-offset", "A-coref", "B", "B-offset", "B-coref")
EXPECTED = "GAP's table (.tsv)"
MASCULINE, FEMININE = ("he", "him", "his"), ("she", "her", "hers")
"""The pronouns of GAP's scorer."""


@dataclass(frozen=True)
class Mention:
    """A name in the text."""

    text: str
    start: int
    is_meant: bool
    """Whether the pronoun refers to it."""

    @property
    def end(self) -> int:
        """Exclusive."""
        return self.start + len(self.text)


@dataclass(frozen=True)
class Snippet:
    """One row. Offsets count code points of the text."""

    name: str
    text: str
    pronoun: str
    start: int
    candidates: tuple[Mention, Mention]
    """A and B."""
    place: str

    @property
    def end(self) -> int:
        """Exclusive end of the pronoun."""
        return self.start + len(self.pronoun)

    @property
    def is_feminine(self) -> bool:
        """As GAP's scorer counts it."""
        return self.pronoun.lower() in FEMININE

    @property
    def nearest(self) -> int:
        """0 or 1: the candidate with fewer characters between it and the pronoun; A where they are as near."""
        first, second = (max(self.start - c.end, c.start - self.end, 0) for c in self.candidates)
        return int(second < first)


def read_gap(data: Sequence[Path], limit: int | None = None) -> list[Snippet]:
    """The rows of all files, `limit` the first ones of each.

    Raises EvaluationError, naming file and line, for a missing column, an offset where the word does not stand, and
    anything but TRUE and FALSE.
    """
    snippets: list[Snippet] = []
    for path in benchmark_files(data, lambda name: name.endswith(".tsv"), EXPECTED):
        read = [_snippet(row, place) for place, row in table_rows(path, COLUMNS, EXPECTED)]
        if not read:
            raise EvaluationError(f"{path}: no row in this file; expected {EXPECTED}.")
        snippets += read[:limit]
    return snippets


def _snippet(row: Mapping[str, str], place: str) -> Snippet:
    text, pronoun = row["Text"], row["Pronoun"]
    if pronoun.lower() not in MASCULINE + FEMININE:
        raise EvaluationError(
            f"{place}: the pronoun is {pronoun[:60]!r}; expected one of {', '.join(MASCULINE + FEMININE)}."
        )
    start = _offset(row, "Pronoun", place)
    candidates = []
    for name in ("A", "B"):
        meant = row[f"{name}-coref"].upper()
        if meant not in ("TRUE", "FALSE"):
            raise EvaluationError(f"{place}: {name}-coref is {row[f'{name}-coref'][:60]!r}; expected TRUE or FALSE.")
        candidates.append(Mention(row[name], _offset(row, name, place), meant == "TRUE"))
    return Snippet(row["ID"], text, pronoun, start, (candidates[0], candidates[1]), place)


def _offset(row: Mapping[str, str], name: str, place: str) -> int:
    word, told = row[name], row[f"{name}-offset"]
    if not (told.isascii() and told.isdigit()):
        raise EvaluationError(f"{place}: {name}-offset is {told[:60]!r}; expected a whole number.")
    start = int(told)
    found = row["Text"][start : start + len(word)]
    if not word or found != word:
        raise EvaluationError(
            f"{place}: {name}-offset is {start}, where the text has {found[:60]!r}; expected {word[:60]!r} there."
        )
    return start
