"""GAP's coreference protocol, answered by a language model: which candidate's name, put in the pronoun's place, makes
the text more probable?

A possessive pronoun is replaced by the name with 's. Two scores, both by the forward half:

    partial   log P(what follows | what stands before, the name): the headline. The names' own lengths and
              rareness do not count (Trinh & Le 2018, A simple method for commonsense reasoning)
    full      log P(the name and what follows | what stands before)

The better candidate is predicted TRUE and the other FALSE; at a tie both are FALSE. GAP's scorer counts both
candidates of every text: precision, recall and F1 of TRUE, over all pronouns, the masculine and the feminine ones, and
the ratio of the last two. Knows GAP's snippets; the cloze form is `gap_suite.py`'s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model.errors import RequestError
from model.text import normalised
from training.errors import EvaluationError
from training.evaluation import metrics
from training.evaluation.answers import rounded
from training.evaluation.bootstrap import N_RESAMPLES
from training.evaluation.gap import Snippet
from training.evaluation.metrics import Floats
from training.evaluation.ngram import Trigram
from training.mining import BLANK, BLANK_IN_TEXT, LOOK_AHEAD_CHARACTERS, Window, cut_left, cut_right
from training.pronouns import Pairs

BATCH_SIZE = 16
SCORES = ("partial", "full")
GROUPS = ("overall", "masculine", "feminine")


class ScoresText(Protocol):
    """What is asked of a language model."""

    def log_likelihood(self, texts: Sequence[str], given: Sequence[str] | None = None) -> Sequence[Any]:
        """One score a text, with `log_probability_nats`, of what follows its beginning `given`."""


def substitutions(snippet: Snippet, pairs: Pairs, window: Window) -> list[tuple[str, str]]:
    """For A and for B what stands before the pronoun with the name in the pronoun's place, and what follows.

    Normalised and cut as the window says. A text that holds a blank has none: [].
    """
    if BLANK_IN_TEXT.search(snippet.text):
        return []
    blanked = snippet.text[: snippet.start] + BLANK + snippet.text[snippet.end :]
    left, _, right = normalised(blanked).partition(BLANK)
    ending = "'s" if is_possessive(snippet.pronoun, right, pairs) else ""
    if not window.whole_document:
        left, right = cut_left(left, window.left), cut_right(right, window.right)
    return [(left + normalised(candidate.text) + ending, right) for candidate in snippet.candidates]


def is_possessive(pronoun: str, following: str, pairs: Pairs) -> bool:
    """his, hers, and her unless what follows is a pause: here nothing may be dropped."""
    form = pronoun.lower()
    if form == "her":
        return pairs.following(following[:LOOK_AHEAD_CHARACTERS]) != "pause"
    return form in ("his", "hers")


def coreference(
    language_model: ScoresText | None,
    snippets: Sequence[Snippet],
    pairs: Pairs,
    window: Window,
    trigram: Trigram | None,
    seed: int,
) -> dict[str, Any]:
    """The figures of everybody who answers. `language_model` None: without its columns.

    Raises EvaluationError, naming a place, when the language model refuses a text.
    """
    texts = [substitutions(snippet, pairs, window) for snippet in snippets]
    margins: dict[str, Floats] = {}  # (n,) score of A - score of B; 0 a tie
    if language_model is not None:
        for name in SCORES:
            margins[f"model_{name}"] = _model_margins(language_model, snippets, texts, name)
    if trigram is not None:
        for name in SCORES:
            margins[f"ngram_{name}"] = _ngram_margins(trigram, texts, name)
    margins["random"] = np.random.default_rng(seed).choice([-1.0, 1.0], size=len(snippets))
    margins["always A"] = np.ones(len(snippets))
    margins["nearest candidate"] = np.array([1.0 - 2 * snippet.nearest for snippet in snippets])
    gold = np.array([[c.is_meant for c in snippet.candidates] for snippet in snippets])  # (n, 2)
    feminine = np.array([snippet.is_feminine for snippet in snippets])
    return {
        "n_items": len(snippets),
        "n_not_scored": sum(not text for text in texts),
        "n_neither": int((~gold.any(axis=1)).sum()),
        "n_feminine": int(feminine.sum()),
        "columns": {name: figures(values, gold, feminine, seed) for name, values in margins.items()},
    }


def figures(margins: Floats, gold: NDArray[np.bool_], feminine: NDArray[np.bool_], seed: int) -> dict[str, Any]:
    """GAP's figures of one who answers. margins: (n,) of A against B; gold: (n, 2); feminine: (n,)."""
    predicted = np.stack([margins > 0, margins < 0], axis=1)  # (n, 2)
    counts = np.stack(
        [(predicted & gold).sum(axis=1), (predicted & ~gold).sum(axis=1), (~predicted & gold).sum(axis=1)], axis=1
    )  # (n, 3): true positives, false positives, false negatives of each text
    random = np.random.default_rng(seed)
    draws = random.integers(len(margins), size=(N_RESAMPLES, len(margins))) if len(margins) else np.zeros((0, 0), int)
    which = {"overall": np.ones(len(margins), bool), "masculine": ~feminine, "feminine": feminine}
    resampled = {name: np.array([_f1(counts[d][chosen[d]]) for d in draws]) for name, chosen in which.items()}
    report: dict[str, Any] = {}
    for name, chosen in which.items():
        true, wrong, missed = counts[chosen].sum(axis=0).tolist()
        report[name] = {
            "n_items": int(chosen.sum()),
            "precision": rounded(true / (true + wrong) if true + wrong else math.nan),
            "recall": rounded(true / (true + missed) if true + missed else math.nan),
            "f1": rounded(_f1(counts[chosen])),
            "f1_interval": _percentiles(resampled[name]),
        }
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = resampled["feminine"] / resampled["masculine"]
    masculine_f1, feminine_f1 = _f1(counts[~feminine]), _f1(counts[feminine])
    report["bias"] = rounded(feminine_f1 / masculine_f1 if masculine_f1 else math.nan)
    report["bias_interval"] = _percentiles(ratios[np.isfinite(ratios)])
    one = gold.sum(axis=1) == 1
    right = np.where(gold[one, 0], margins[one], -margins[one])
    accuracy = metrics.accuracy(right)
    bounds = metrics.wilson_interval(accuracy, len(right))
    report["choice"] = {
        "n_items": len(right),
        "accuracy": rounded(accuracy),
        "accuracy_interval": [rounded(bounds.low), rounded(bounds.high)],
    }
    report["tie_rate"] = rounded(metrics.tie_rate(margins))
    return report


def _f1(counts: NDArray[np.int64]) -> float:
    """F1 from (n, 3) counts of each text; NaN where there is nothing to find and nothing was found."""
    true, wrong, missed = counts.sum(axis=0).tolist()
    return 2 * true / (2 * true + wrong + missed) if true + wrong + missed else math.nan


def _percentiles(values: Floats) -> list[float | None]:
    values = values[~np.isnan(values)]
    if not len(values):
        return [None, None]
    return [rounded(float(bound)) for bound in np.percentile(values, [2.5, 97.5])]


def _model_margins(
    language_model: ScoresText, snippets: Sequence[Snippet], texts: Sequence[list[tuple[str, str]]], score: str
) -> Floats:
    margins = np.zeros(len(snippets))
    order = sorted(
        (index for index, text in enumerate(texts) if text), key=lambda index: (sum(map(len, texts[index][0])), index)
    )
    with tqdm(total=len(order), desc=f"coreference, {score}", unit=" items", disable=None) as bar:
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            whole = [before + after for index in batch for before, after in texts[index]]
            given = [given for index in batch for given in _beginnings(texts[index], score)]
            try:
                scores = language_model.log_likelihood(whole, given)
            except RequestError as error:
                raise EvaluationError(f"{snippets[batch[0]].place} and others: {error}") from error
            nats = np.array([found.log_probability_nats for found in scores]).reshape(-1, 2)
            margins[batch] = nats[:, 0] - nats[:, 1]
            bar.update(len(batch))
    return margins


def _ngram_margins(trigram: Trigram, texts: Sequence[list[tuple[str, str]]], score: str) -> Floats:
    margins = np.zeros(len(texts))
    for index, text in enumerate(texts):
        if text:
            nats = [
                trigram.log_likelihood_after(given, (before + after)[len(given) :])
                for (before, after), given in zip(text, _beginnings(text, score), strict=True)
            ]
            margins[index] = nats[0] - nats[1]
    return margins


def _beginnings(text: Sequence[tuple[str, str]], score: str) -> list[str]:
    """What is read and not scored, for A and for B: with the name (partial), or what both share before it (full)."""
    if score == "partial":
        return [before for before, _ in text]
    (first, _), (second, _) = text
    n_shared = 0
    while n_shared < min(len(first), len(second)) and first[n_shared] == second[n_shared]:
        n_shared += 1
    shared = first[:n_shared]
    return [shared[: shared.rfind(" ") + 1].rstrip(" ")] * 2
