"""How well the forward half predicts a text: perplexity per token, and bits per character.

Whole documents, streamed with the state carried, so a token knows all of its document before it. Knows no files.
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
            "n_characters": self.n_characters,
            "n_unknown": self.n_unknown,
            "log_probability_nats": round(self.log_probability_nats, 3),
            "perplexity": rounded(perplexity(self.log_probability_nats, self.n_tokens)),
            "bits_per_character": rounded(bits_per_character(self.log_probability_nats, self.n_characters)),
        }


@dataclass(frozen=True)
class PerplexityResults:
    """Figures of all documents, and of the first ones by themselves."""

    total: TextFigures
    documents: dict[str, TextFigures]
    n_documents: int

    def to_json(self) -> dict[str, Any]:
        """Everything, in reading order."""
        documents = {name: figures.to_json() for name, figures in self.documents.items()}
        return {"total": self.total.to_json(), "n_documents": self.n_documents, "documents": documents}

    def tables(self) -> list[Table]:
        """The whole and, of few documents, each; of many the first ones."""
        named = {"all": self.total, **dict(list(self.documents.items())[:SHOWN_DOCUMENTS])}
        rows = tuple(
            (
                name,
                number(perplexity(figures.log_probability_nats, figures.n_tokens)),
                number(bits_per_character(figures.log_probability_nats, figures.n_characters)),
                f"{figures.n_tokens:,}",
                f"{figures.n_characters:,}",
                share(figures.unknown_share),
            )
            for name, figures in named.items()
        )
        header = ("", "perplexity per token", "bits per character", "tokens", "characters", "unknown")
        title = "Forward half, state carried through each document; across tokenizers compare bits per character"
        return [Table(title, header, rows)]


def evaluate_perplexity(
    language_model: ScoresDocuments, documents: Iterable[Document], limit: int | None = None
) -> PerplexityResults:
    """Scores every document, or the first `limit`. Raises EvaluationError when there is no token to score."""
    scored: dict[str, TextFigures] = {}
    total, n_documents = TextFigures(0.0, 0, 0, 0), 0
    for document in tqdm(documents, desc="perplexity", unit=" documents", disable=None):
        if n_documents == limit:
            break
        score = language_model.score_document(document.paragraphs)
        figures = TextFigures(score.log_probability_nats, score.n_tokens, score.n_characters, score.n_unknown)
        total += figures
        n_documents += 1
        if n_documents <= MAX_LISTED_DOCUMENTS:
            scored[document.name] = figures
    if not total.n_tokens:
        raise EvaluationError("there is no token to score in the data; expected text.")
    return PerplexityResults(total, scored, n_documents)
