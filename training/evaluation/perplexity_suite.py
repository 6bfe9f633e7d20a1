"""How well the forward half predicts a text: perplexity per token and per word, and bits per character.

Whole documents, streamed with the state carried, so a token knows all of its document before it. The n-gram reads the
same paragraphs, each by itself. Knows no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tqdm import tqdm

from training.corpus import Document
from training.errors import EvaluationError
from training.evaluation.answers import rounded
from training.evaluation.metrics import bits_per_character, perplexity
from training.evaluation.ngram import UNKNOWN, Trigram
from training.evaluation.tables import Table, number, share

MAX_LISTED_DOCUMENTS = 1_000
"""Figures of further documents are only in the sum, so that a table of millions of rows does not fill the memory."""
SHOWN_DOCUMENTS = 20


class ScoresDocuments(Protocol):
    """What the suite asks of a language model."""

    def score_document(self, paragraphs: Iterator[str]) -> Any:
        """log_probability_nats, n_tokens, n_characters and n_unknown of a document, by the forward half, in constant
        memory."""


@dataclass(frozen=True)
class TextFigures:
    """The sums over one document, or over all."""

    log_probability_nats: float
    n_tokens: int
    n_characters: int
    n_unknown: int
    """Tokens outside the vocabulary: predicted as one unknown piece each, so both figures are too good where there are
    many."""
    n_words: int = 0
    """What stands between spaces; a sum of nats over it compares across tokenizers."""

    def __add__(self, other: TextFigures) -> TextFigures:
        return TextFigures(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def unknown_share(self) -> float:
        """Share of the tokens."""
        return self.n_unknown / self.n_tokens if self.n_tokens else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Sums and figures."""
        return {
            "n_tokens": self.n_tokens,
            "n_words": self.n_words,
            "n_characters": self.n_characters,
            "n_unknown": self.n_unknown,
            "log_probability_nats": round(self.log_probability_nats, 3),
            "perplexity": rounded(perplexity(self.log_probability_nats, self.n_tokens)),
            "perplexity_per_word": rounded(perplexity(self.log_probability_nats, self.n_words)),
            "bits_per_character": rounded(bits_per_character(self.log_probability_nats, self.n_characters)),
        }


@dataclass(frozen=True)
class PerplexityResults:
    """Figures of all documents, and of the first ones by themselves."""

    total: TextFigures
    documents: dict[str, TextFigures]
    n_documents: int
    ngram: TextFigures | None = None
    """Of all documents: its tokens are words, marks and the ends of paragraphs."""

    def to_json(self) -> dict[str, Any]:
        """Everything, in reading order."""
        documents = {name: figures.to_json() for name, figures in self.documents.items()}
        return {
            "total": self.total.to_json(),
            "ngram": None if self.ngram is None else self.ngram.to_json(),
            "n_documents": self.n_documents,
            "documents": documents,
        }

    def tables(self) -> list[Table]:
        """The whole and, of few documents, each; of many the first ones."""
        named = {"all": self.total}
        if self.ngram is not None:
            named["all, by the n-gram"] = self.ngram
        named |= dict(list(self.documents.items())[:SHOWN_DOCUMENTS])
        rows = tuple(
            (
                name,
                number(perplexity(figures.log_probability_nats, figures.n_tokens)),
                number(perplexity(figures.log_probability_nats, figures.n_words)),
                number(bits_per_character(figures.log_probability_nats, figures.n_characters)),
                f"{figures.n_tokens:,}",
                f"{figures.n_words:,}",
                f"{figures.n_characters:,}",
                share(figures.unknown_share),
            )
            for name, figures in named.items()
        )
        header = (
            "",
            "perplexity per token",
            "per word",
            "bits per character",
            "tokens",
            "words",
            "characters",
            "unknown",
        )
        title = "Forward half, state carried through each document; across tokenizers compare bits per character"
        return [Table(title, header, rows)]


def evaluate_perplexity(
    language_model: ScoresDocuments,
    documents: Iterable[Document],
    limit: int | None = None,
    trigram: Trigram | None = None,
) -> PerplexityResults:
    """Scores every document, or the first `limit`. Raises EvaluationError when there is no token to score."""
    scored: dict[str, TextFigures] = {}
    total, n_documents = TextFigures(0.0, 0, 0, 0), 0
    ngram = None if trigram is None else TextFigures(0.0, 0, 0, 0)
    for document in tqdm(documents, desc="perplexity", unit=" documents", disable=None):
        if n_documents == limit:
            break
        listener = _Listener(trigram)
        score = language_model.score_document(listener.passed_on(document.paragraphs))
        figures = TextFigures(
            score.log_probability_nats, score.n_tokens, score.n_characters, score.n_unknown, listener.n_words
        )
        total += figures
        if ngram is not None:
            ngram += TextFigures(
                listener.nats, listener.n_tokens, score.n_characters, listener.n_unknown, listener.n_words
            )
        n_documents += 1
        if n_documents <= MAX_LISTED_DOCUMENTS:
            scored[document.name] = figures
    if not total.n_tokens:
        raise EvaluationError("there is no token to score in the data; expected text.")
    return PerplexityResults(total, scored, n_documents, ngram)


class _Listener:
    """Counts the words of paragraphs that pass, and lets the n-gram score them."""

    def __init__(self, trigram: Trigram | None) -> None:
        self.trigram = trigram
        self.n_words = self.n_tokens = self.n_unknown = 0
        self.nats = 0.0

    def passed_on(self, paragraphs: Iterable[str]) -> Iterator[str]:
        for paragraph in paragraphs:
            self.n_words += len(paragraph.split())
            if self.trigram is not None and paragraph:
                ids = self.trigram.encode(paragraph)
                self.n_tokens += len(ids) + 1  # the paragraph's end
                self.n_unknown += ids.count(UNKNOWN)
                self.nats += float(self.trigram.log_likelihoods([paragraph])[0])
            yield paragraph
