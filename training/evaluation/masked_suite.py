"""Any word of a text masked: is it among the five that the served `top_k` names? Beside it the n-gram's five.

A sample of whole words, drawn with a seed. `top_k` can only name words that are a single piece of the vocabulary, so a
word that is none counts as a miss; the share of such words stands beside the figures, which are given without them too.
The n-gram chooses from the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import numpy as np
import regex
from numpy.typing import NDArray
from tqdm import tqdm

from model.errors import RequestError
from training.corpus import Document
from training.errors import EvaluationError
from training.evaluation import metrics
from training.evaluation.answers import rounded
from training.evaluation.cloze_suite import BATCH_SIZE
from training.evaluation.ngram import Trigram
from training.evaluation.results import JsonResults, titled
from training.evaluation.summary_tables import as_float, count_cell, in_order, interval_cell
from training.evaluation.tables import Table, share
from training.mining import BLANK, BLANK_IN_TEXT, Window, cut_left, cut_right

DEFAULT_WORDS = 1_000
N_NAMED = 5
WORD = regex.compile(r"(?<![\p{L}\p{N}\p{M}])(?<![\p{L}\p{N}\p{M}]['-])\p{L}[\p{L}\p{M}]*+(?!['-]?[\p{L}\p{N}\p{M}])")
"""A run of letters by itself; "don't" and "well-known" are passed over: a blank would touch the rest of them."""


class NamesWords(Protocol):
    """What is asked of a language model."""

    def cloze_batch(
        self, texts: Sequence[str], targets: Any = None, *, top_k: int | None = None, context: str = "both"
    ) -> Sequence[Any]:
        """One result a text, with the `top_k` best whole words."""


@dataclass(frozen=True)
class MaskedWord:
    """One question."""

    word: str
    left: str
    right: str
    place: str

    @property
    def text(self) -> str:
        """The text with its blank."""
        return self.left + BLANK + self.right


def evaluate_masked(
    language_model: NamesWords,
    choices: Sequence[str],
    contexts: Sequence[str],
    documents: Iterable[Document],
    window: Window,
    trigram: Trigram | None,
    limit: int | None = None,
    seed: int = 0,
) -> JsonResults:
    """Asks `limit` words (1,000 unless said), drawn from all of the documents.

    `choices`: the words that `top_k` can name. `contexts`: those in which the bundle can name them. Raises
    EvaluationError where there is no word, and, naming the item, when the language model refuses one.
    """
    items, n_seen, dropped = _sampled(documents, window, limit or DEFAULT_WORDS, seed)
    if not items:
        raise EvaluationError("there is no word to mask in the data; expected text.")
    ranks: dict[str, NDArray[np.int64]] = {}  # (n,) from 0: place of the word among the named; N_NAMED: not named
    for context in contexts:
        ranks[f"model_{context}"] = _model_ranks(language_model, items, context)
    constant = [word for word, _ in Counter(item.word for item in items).most_common(N_NAMED)]
    ranks["constant five"] = np.array([_rank(item.word, constant) for item in items])
    if trigram is not None:
        for context in contexts:
            ranks[f"ngram_{context}"] = _ngram_ranks(trigram, choices, items, context)
    known = set(choices)
    nameable = np.array([item.word in known for item in items])
    content = {
        "n_words": n_seen,
        "n_items": len(items),
        "n_single_piece": int(nameable.sum()),
        "dropped": dict(sorted(dropped.items())),
        "constant": constant,
        "columns": {
            name: _figures(values) | {"single_piece": _figures(values[nameable])} for name, values in ranks.items()
        },
    }
    return JsonResults(content, masked_tables)


def masked_tables(data: str, results: Mapping[str, Any]) -> list[Table]:
    """One table: over all words of the sample, and over those that are a single piece."""
    rows = []
    for name, figures in in_order(results.get("columns") or {}):
        single = figures.get("single_piece") or {}
        rows.append(
            (
                name,
                count_cell(figures.get("n_items")),
                share(as_float(figures.get("top5"))),
                interval_cell(figures.get("top5_interval")),
                share(as_float(figures.get("top1"))),
                count_cell(single.get("n_items")),
                share(as_float(single.get("top5"))),
                interval_cell(single.get("top5_interval")),
                share(as_float(single.get("top1"))),
            )
        )
    header = (
        "who answers",
        "words",
        "among the first 5",
        "95 % interval",
        "first",
        "of a single piece",
        "among the first 5",
        "95 % interval",
        "first",
    )
    title = titled("Masked words", data)
    constant = ", ".join(results.get("constant") or ())
    note = f"; the constant five, the sample's most frequent: {constant}" if constant else ""
    return [Table(f"{title}: {count_cell(results.get('n_words'))} words drawn from{note}", header, tuple(rows))]


def _sampled(
    documents: Iterable[Document], window: Window, n: int, seed: int
) -> tuple[list[MaskedWord], int, Counter[str]]:
    """A uniform sample of n words (Vitter 1985, algorithm R), in reading order; how many there are; what was
    dropped."""
    kept: list[tuple[int, MaskedWord]] = []
    dropped: Counter[str] = Counter()
    random = Random(seed)
    n_seen = 0
    for document in tqdm(documents, desc="words", unit=" documents", disable=None):
        for number, paragraph in enumerate(document.paragraphs, 1):
            blanks = BLANK_IN_TEXT.search(paragraph) is not None
            for found in WORD.finditer(paragraph):
                if blanks:
                    dropped["a blank in the paragraph"] += 1
                    continue
                n_seen += 1
                place = len(kept) if len(kept) < n else random.randrange(n_seen)
                if place < n:
                    item = MaskedWord(
                        found[0],
                        cut_left(paragraph[: found.start()], window.left),
                        cut_right(paragraph[found.end() :], window.right),
                        f"{document.name}, paragraph {number}",
                    )
                    kept[place : place + 1] = [(n_seen, item)]
    return [item for _, item in sorted(kept, key=lambda entry: entry[0])], n_seen, dropped


def _model_ranks(language_model: NamesWords, items: Sequence[MaskedWord], context: str) -> NDArray[np.int64]:
    ranks = np.full(len(items), N_NAMED, dtype=np.int64)
    order = sorted(range(len(items)), key=lambda index: (len(items[index].text), index))
    with tqdm(total=len(items), desc=f"masked, {context}", unit=" items", disable=None) as bar:
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            try:
                texts = [items[index].text for index in batch]
                results = language_model.cloze_batch(texts, None, top_k=N_NAMED, context=context)
            except RequestError as error:
                raise EvaluationError(
                    f"the language model refuses one of {len(batch)} items, {items[batch[0]].place} the first of them: "
                    f"{error}"
                ) from error
            for index, result in zip(batch, results, strict=True):
                ranks[index] = _rank(items[index].word, [p.target for p in result.blanks[0].predictions])
            bar.update(len(batch))
    return ranks


def _ngram_ranks(
    trigram: Trigram, choices: Sequence[str], items: Sequence[MaskedWord], context: str
) -> NDArray[np.int64]:
    words, ids = trigram.choices(choices)
    ranks = np.full(len(items), N_NAMED, dtype=np.int64)
    for index, item in enumerate(tqdm(items, desc=f"n-gram, {context}", unit=" items", disable=None)):
        scores = trigram.choice_scores(item.left, item.right if context == "both" else None, ids)
        best = np.argsort(-scores, kind="stable")[:N_NAMED]
        ranks[index] = _rank(item.word, [words[place] for place in best])
    return ranks


def _rank(word: str, named: Sequence[str]) -> int:
    return named.index(word) if word in named else N_NAMED


def _figures(ranks: NDArray[np.int64]) -> dict[str, Any]:
    report: dict[str, Any] = {"n_items": len(ranks)}
    for name, n in (("top5", N_NAMED), ("top1", 1)):
        found = float(np.mean(ranks < n)) if len(ranks) else float("nan")
        bounds = metrics.wilson_interval(found, len(ranks))
        report |= {name: rounded(found), f"{name}_interval": [rounded(bounds.low), rounded(bounds.high)]}
    return report
