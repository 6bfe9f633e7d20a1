"""The suites by name: what each does with a bundle's language model and data.

A suite here turns an `Evaluation` into results that have `to_json()` and `tables()`. Knows which suites there are; how
each works is in the file of its name.
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from model.tokenizer import MARK
from training.corpus import read_documents
from training.errors import EvaluationError
from training.evaluation import gap, winobias, winogender
from training.evaluation.benchmark_files import benchmark_files
from training.evaluation.cloze_suite import CONTEXTS, evaluate_cloze
from training.evaluation.gap_suite import evaluate_gap
from training.evaluation.masked_suite import evaluate_masked
from training.evaluation.minimal_pairs import read_pairs
from training.evaluation.ngram import Trigram
from training.evaluation.pairs_suite import evaluate_pairs
from training.evaluation.perplexity_suite import evaluate_perplexity
from training.evaluation.tables import Table
from training.evaluation.tracking_stories import DEFAULT_STORIES
from training.evaluation.tracking_suite import evaluate_tracking
from training.evaluation.winobias_suite import evaluate_winobias
from training.evaluation.winogender_suite import evaluate_winogender
from training.mining import Window
from training.pronouns import Pairs, PronounPair
from training.sources import JSON_LINES_SUFFIXES, source_files


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
    """Cloze: most items a pair, sampled; pairs, winobias, gap: the first ones of each file; winogender: the first
    occupations and sentences; masked: the words, sampled; perplexity: the first documents."""
    seed: int = 0
    n_stories: int = DEFAULT_STORIES
    """Tracking: stories of each sort."""


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
    return evaluate_perplexity(evaluation.language_model, documents, evaluation.limit, evaluation.trigram)


def masked(evaluation: Evaluation) -> Results:
    """Any word of a text among the five likeliest."""
    bundle = evaluation.language_model.bundle
    if not evaluation.has_language_model:
        raise EvaluationError(
            "this bundle was trained without the language-model objective, so it cannot name words. "
            "Use --suite cloze, or train with a language_model_weight above 0."
        )
    if bundle.tokenizer.kind == "character":
        raise EvaluationError("a character bundle has no whole words as pieces to name; use --suite perplexity.")
    bidirectional = bundle.network.direction == "bidirectional"
    tokenizer = bundle.tokenizer
    return evaluate_masked(
        evaluation.language_model,
        [tokenizer.pieces[piece].removeprefix(MARK) for piece in tokenizer.whole_words(True)],
        CONTEXTS if bidirectional else ("left",),  # with both sides a causal one would read the text for every piece
        read_documents(evaluation.data, evaluation.text_field),
        evaluation.window,
        evaluation.trigram,
        evaluation.limit,
        evaluation.seed,
    )


def winobias_suite(evaluation: Evaluation) -> Results:
    """WinoBias as a cloze, as written and with persons."""
    return evaluate_winobias(
        evaluation.language_model,
        evaluation.data,
        evaluation.pairs,
        evaluation.trigram,
        evaluation.limit,
        evaluation.seed,
    )


def winogender_suite(evaluation: Evaluation) -> Results:
    """Winogender's occupations in our templates, and its sentences."""
    return evaluate_winogender(
        evaluation.language_model, evaluation.data, evaluation.pairs, evaluation.trigram, evaluation.limit
    )


def gap_suite(evaluation: Evaluation) -> Results:
    """GAP as a cloze, and its protocol."""
    return evaluate_gap(
        evaluation.language_model,
        evaluation.data,
        evaluation.pairs,
        evaluation.window,
        evaluation.trigram,
        evaluation.has_language_model,
        evaluation.limit,
        evaluation.seed,
    )


def tracking(evaluation: Evaluation) -> Results:
    """Stories whose right pronoun is known by construction."""
    return evaluate_tracking(
        evaluation.language_model,
        evaluation.pairs,
        evaluation.chosen,
        evaluation.trigram,
        evaluation.language_model.bundle.metadata["provenance"],
        evaluation.n_stories,
        evaluation.seed,
    )


SUITES: dict[str, Callable[[Evaluation], Results]] = {
    "cloze": cloze,
    "pairs": pairs,
    "perplexity": perplexity,
    "masked": masked,
    "winobias": winobias_suite,
    "winogender": winogender_suite,
    "gap": gap_suite,
    "tracking": tracking,
}
NGRAM_SUITES = tuple(SUITES)
"""Suites with an n-gram column."""
FILE_KINDS: dict[str, tuple[Callable[[str], bool], str]] = {
    "winobias": (lambda name: winobias.FILE_NAME.fullmatch(name) is not None, winobias.EXPECTED),
    "winogender": (lambda name: name.endswith(".tsv"), winogender.EXPECTED),
    "gap": (lambda name: name.endswith(".tsv"), gap.EXPECTED),
}
"""Suites with files of their own format: which of a folder's files they read, and what is expected there."""


WINDOWED = ("cloze", "masked", "gap")
"""Suites that cut texts to a window."""
OF_PAIRS = ("cloze", "tracking")
"""Suites that ask about chosen pairs."""
OWN_DATA = {"tracking": "its own stories"}
"""Suites that read no data, and what their data is called on a card."""


def check_options(suite: str, window: Window, pair_names: Sequence[str] = ()) -> None:
    """Refuses a window or pairs that the suite would not look at. Raises EvaluationError."""
    if suite not in OF_PAIRS and pair_names:
        raise EvaluationError(
            f"--pair does not apply to the suite {suite}, whose texts say which pairs are asked; leave it out. "
            f"It is for {', '.join(OF_PAIRS)}."
        )
    if suite not in WINDOWED and window != Window():
        raise EvaluationError(
            f"--left, --right and --whole-document do not apply to the suite {suite}, which shows its texts whole; "
            f"leave them out. They are for {', '.join(WINDOWED)}."
        )
    if suite == "masked" and window.whole_document:
        raise EvaluationError("--whole-document is not built for the suite masked; its window ends with the paragraph.")


def check_data(suite: str, data: Sequence[Path | str]) -> None:
    """Raises EvaluationError where a suite that reads data is given none, or one that reads none some."""
    if suite in OWN_DATA and data:
        raise EvaluationError(f"the suite {suite!r} asks {OWN_DATA[suite]} and reads no data; leave --data out.")
    if suite not in OWN_DATA and not data:
        raise EvaluationError(f"the suite {suite!r} needs data to read; name it with --data.")


def data_files(suite: str, data: Sequence[Path]) -> list[Path]:
    """What a suite reads of the data: of a folder the files of the suite's format, where it has one.

    Raises CorpusError for a path that does not exist, EvaluationError for a folder without such a file.
    """
    if suite not in FILE_KINDS:
        return list(data)
    return benchmark_files(data, *FILE_KINDS[suite])


def suite_named(name: str) -> Callable[[Evaluation], Results]:
    """The suite of that name. Raises EvaluationError for one that does not exist."""
    if name in SUITES:
        return SUITES[name]
    known = ", ".join(SUITES)
    raise EvaluationError(f"there is no suite {name!r}; there are {known}.")


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _json_lines(path: Path, limit: int | None) -> Iterator[tuple[str, str, str]]:
    """(file's name, place, line) of every .jsonl file that `path` names."""
    files = [
        file
        for file in source_files([path])
        if path.is_file() or file.path.name.removesuffix(".gz").endswith(JSON_LINES_SUFFIXES)
    ]
    if not files:
        raise EvaluationError(f"{path}: no .jsonl file in this folder; expected BLiMP's JSON lines.")
    for file in files:
        with _opened(file.path) as lines:
            try:
                filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
                for number, line in itertools.islice(filled, limit):
                    yield file.path.name.partition(".")[0], f"{file.path}, line {number}", line
            except UnicodeDecodeError as error:
                raise EvaluationError(f"{file.path}: not UTF-8 ({error}); expected BLiMP's JSON lines.") from error
