"""The suites by name: what each does with a bundle's language model and data.

A suite here turns an `Evaluation` into results that have `to_json()` and `tables()`. Knows which suites there are and
which are still to be built; how each works is in the file of its name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from training.corpus import read_documents
from training.errors import EvaluationError
from training.evaluation.cloze_suite import evaluate_cloze
from training.evaluation.minimal_pairs import read_pairs
from training.evaluation.ngram import Trigram
from training.evaluation.pairs_suite import evaluate_pairs
from training.evaluation.perplexity_suite import evaluate_perplexity
from training.evaluation.tables import Table
from training.mining import Window
from training.pronouns import Pairs, PronounPair
from training.sources import JSON_LINES_SUFFIXES, source_files

PLANNED = {
    "tracking": "stories whose subject changes, with the right pronoun known by construction",
    "winobias": "WinoBias's stereotyped occupations",
    "winogender": "Winogender's occupations",
    "gap": "GAP's ambiguous pronouns",
}


class Results(Protocol):
    """What a suite gives back."""

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order."""

    def tables(self) -> list[Table]:
        """The same for a person."""


@dataclass(frozen=True)
class Evaluation:
    """Everything a suite may need; which of it, is up to the suite."""

    language_model: Any
    """model.language_model.LanguageModel, or what answers like one."""
    data: Sequence[Path]
    pairs: Pairs
    chosen: Sequence[PronounPair]
    """The pairs to ask about."""
    window: Window
    trigram: Trigram | None
    has_language_model: bool
    """Whether the bundle was trained with the language-model objective."""
    text_field: str = "text"
    limit: int | None = None
    """Cloze: most items a pair, sampled; pairs: the first ones of each file; perplexity: the first documents."""
    seed: int = 0


def cloze(evaluation: Evaluation) -> Results:
    """Pronouns of any text, blanked."""
    return evaluate_cloze(
        evaluation.language_model,
        read_documents(evaluation.data, evaluation.text_field),
        evaluation.pairs,
        evaluation.chosen,
        evaluation.window,
        evaluation.trigram,
        evaluation.limit,
        evaluation.seed,
    )


def pairs(evaluation: Evaluation) -> Results:
    """BLiMP's minimal pairs."""
    lines = itertools.chain.from_iterable(_json_lines(path, evaluation.limit) for path in evaluation.data)
    return evaluate_pairs(
        evaluation.language_model,
        read_pairs(lines),
        evaluation.pairs,
        evaluation.trigram,
        evaluation.has_language_model,
    )


def perplexity(evaluation: Evaluation) -> Results:
    """How well the forward half predicts a text."""
    if not evaluation.has_language_model:
        raise EvaluationError(
            "this bundle was trained without the language-model objective, so it has no perplexity. "
            "Use --suite cloze, or train with a language_model_weight above 0."
        )
    documents = read_documents(evaluation.data, evaluation.text_field)
    return evaluate_perplexity(evaluation.language_model, documents, evaluation.limit)


SUITES: dict[str, Callable[[Evaluation], Results]] = {"cloze": cloze, "pairs": pairs, "perplexity": perplexity}
NGRAM_SUITES = ("cloze", "pairs")
"""Suites with an n-gram column."""


def suite_named(name: str) -> Callable[[Evaluation], Results]:
    """The suite of that name. Raises EvaluationError for one that is not built yet or does not exist."""
    if name in SUITES:
        return SUITES[name]
    known = ", ".join(SUITES)
    if name in PLANNED:
        raise EvaluationError(f"the suite {name!r} ({PLANNED[name]}) is not built yet; there are {known}.")
    raise EvaluationError(f"there is no suite {name!r}; there are {known}.")


def _json_lines(path: Path, limit: int | None) -> Iterator[tuple[str, str, str]]:
    """(file's name, place, line) of every .jsonl file that `path` names."""
    files = [file for file in source_files([path]) if path.is_file() or file.path.name.endswith(JSON_LINES_SUFFIXES)]
    if not files:
        raise EvaluationError(f"{path}: no .jsonl file in this folder; expected BLiMP's JSON lines.")
    for file in files:
        with file.path.open(encoding="utf-8") as lines:
            try:
                filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
                for number, line in itertools.islice(filled, limit):
                    yield file.path.name.partition(".")[0], f"{file.path}, line {number}", line
            except UnicodeDecodeError as error:
                raise EvaluationError(f"{file.path}: not UTF-8 ({error}); expected BLiMP's JSON lines.") from error
