"""Minimal pairs: of two sentences that differ in little, is the good one more probable?

BLiMP's (Warstadt et al. 2020) and others'. Three forms: the whole sentence, by the forward half (sum of log P of all
pieces after `<s>`, no `</s>`); the cloze, where the one word that differs is the blank; and BLiMP's one-prefix method,
where the line has its fields: which of two words is more probable after one prefix, by the forward half. See
`minimal_pairs.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from model.errors import RequestError
from training.errors import EvaluationError
from training.evaluation import metrics
from training.evaluation.answers import rounded
from training.evaluation.cloze_suite import BATCH_SIZE, CONTEXTS, AnswersCloze
from training.evaluation.metrics import Floats, Interval
from training.evaluation.minimal_pairs import Difference, MinimalPair
from training.evaluation.ngram import Trigram
from training.evaluation.pair_questions import pair_question_sets
from training.evaluation.question_set import QuestionSet
from training.evaluation.tables import Table, interval, share
from training.mining import BLANK
from training.pronouns import Pairs

MAX_RANKED_WORDS = 7
"""Of more words not every fixed preference is tried: 7 have 5,040 orders."""


class ScoresText(AnswersCloze, Protocol):
    """What the suite asks of a language model."""

    def log_likelihood(self, texts: Sequence[str]) -> Sequence[Any]:
        """One score a text, with `log_probability_nats`, by the forward half, without `</s>`."""


@dataclass(frozen=True)
class Column:
    """The figures of one way to answer; NaN where it cannot."""

    n_items: int
    accuracy: float
    interval: Interval
    tie_rate: float
    balanced: dict[str, float]
    """By pronoun pair, on the items that differ in its two forms alone: the mean of the accuracies by right form."""

    def to_json(self) -> dict[str, Any]:
        """Floats rounded, None for NaN."""
        return {
            "n_items": self.n_items,
            "accuracy": rounded(self.accuracy),
            "accuracy_interval": [rounded(self.interval.low), rounded(self.interval.high)],
            "tie_rate": rounded(self.tie_rate),
            "balanced_accuracy": {name: rounded(value) for name, value in self.balanced.items()},
        }


@dataclass(frozen=True)
class PairsResults:
    """The columns of every phenomenon."""

    columns: dict[str, dict[str, Column]]
    n_without_cloze: dict[str, int]
    """By phenomenon, pairs of which more than one word differs."""
    n_without_one_prefix: dict[str, int]
    """By phenomenon, pairs whose line lacks the fields of the one-prefix method."""
    n_of_form: dict[str, dict[str, dict[str, int]]]
    """By phenomenon, pronoun pair and right form: the items behind `Column.balanced`."""
    preferences: dict[str, str]
    """By phenomenon, the fixed order of words that does best."""
    question_sets: Sequence[QuestionSet]
    """The minimal pairs themselves with everybody's answers, by phenomenon and form. Not in the JSON."""

    def to_json(self) -> dict[str, Any]:
        """Everything, in a fixed order."""
        return {
            name: {
                "columns": {column: figures.to_json() for column, figures in columns.items()},
                "n_without_cloze": self.n_without_cloze[name],
                "n_without_one_prefix": self.n_without_one_prefix[name],
                "n_of_form": self.n_of_form[name],
                "best_fixed_preference": self.preferences.get(name),
            }
            for name, columns in self.columns.items()
        }

    def tables(self) -> list[Table]:
        """One table a phenomenon; what each fixed preference is stands in its title."""
        return [self._table(name, columns) for name, columns in self.columns.items()]

    def _table(self, name: str, columns: dict[str, Column]) -> Table:
        rows = [
            ("items", *(f"{column.n_items:,}" for column in columns.values())),
            ("accuracy", *(share(column.accuracy) for column in columns.values())),
            ("  95 % interval", *(interval(column.interval) for column in columns.values())),
            ("tie rate", *(share(column.tie_rate) for column in columns.values())),
        ]
        for pair, counts in self.n_of_form[name].items():
            label = f"balanced, {pair} only ({' + '.join(str(n) for n in counts.values())} items)"
            rows.append((label, *(share(column.balanced[pair]) for column in columns.values())))
        preference = f"; fixed preference: {self.preferences[name]}" if name in self.preferences else ""
        return Table(
            f"{name}{preference}",
            ("", *(column.replace("ngram", "n-gram").replace("_", " ") for column in columns)),
            tuple(rows),
        )


def evaluate_pairs(
    language_model: ScoresText,
    minimal_pairs: Sequence[MinimalPair],
    pairs: Pairs,
    trigram: Trigram | None,
    with_sentences: bool = True,
) -> PairsResults:
    """Scores every pair in every form; `with_sentences` False leaves the whole-sentence form out (no language model).

    Raises EvaluationError, naming a place, when the language model refuses a text.
    """
    differences = [pair.difference for pair in minimal_pairs]
    margins: dict[str, Floats] = {}  # (n_pairs,), NaN where the form does not exist
    for context in CONTEXTS:
        margins[f"cloze_{context}"] = _cloze_margins(language_model, minimal_pairs, differences, context)
    with_prefix = any(pair.one_prefix is not None for pair in minimal_pairs)
    if with_prefix:
        margins["one_prefix"] = _one_prefix_margins(language_model, minimal_pairs)
    if with_sentences:
        margins["sentence"] = _sentence_margins(language_model, minimal_pairs)
    margins["chance"] = np.zeros(len(minimal_pairs))
    if trigram is not None:
        for context in CONTEXTS:
            margins[f"ngram_cloze_{context}"] = np.array(
                [_ngram_margin(trigram, difference, context) for difference in differences]
            )
        if with_prefix:
            margins["ngram_one_prefix"] = np.array([_ngram_prefix_margin(trigram, pair) for pair in minimal_pairs])
        scores = trigram.log_likelihoods([text for pair in minimal_pairs for text in (pair.good, pair.bad)]).reshape(
            -1, 2
        )
        margins["ngram_sentence"] = scores[:, 0] - scores[:, 1]
    return _results(minimal_pairs, differences, margins, pairs)


def _results(
    minimal_pairs: Sequence[MinimalPair],
    differences: Sequence[Difference | None],
    margins: dict[str, Floats],
    pairs: Pairs,
) -> PairsResults:
    columns: dict[str, dict[str, Column]] = {}
    n_without_cloze, n_without_one_prefix, preferences = {}, {}, {}
    n_of_form: dict[str, dict[str, dict[str, int]]] = {}
    question_sets: list[QuestionSet] = []
    for name in dict.fromkeys(pair.phenomenon for pair in minimal_pairs):
        which = np.array([pair.phenomenon == name for pair in minimal_pairs])
        words = [
            (d.good.lower(), d.bad.lower()) if d is not None else None
            for d, wanted in zip(differences, which, strict=True)
            if wanted
        ]
        here = {column: values[which] for column, values in margins.items()}
        ranking = best_preference([word for word in words if word is not None])
        if ranking:
            preferences[name] = " > ".join(ranking)
            here["fixed_preference"] = np.array(
                [np.nan if word is None else float(ranking.index(word[1]) - ranking.index(word[0])) for word in words]
            )
        n_without_cloze[name] = sum(word is None for word in words)
        n_without_one_prefix[name] = sum(pair.one_prefix is None for pair in minimal_pairs if pair.phenomenon == name)
        right = {pair.name: [_answer(word, pair.forms) for word in words] for pair in pairs.pairs}
        right = {pair: answers for pair, answers in right.items() if {0, 1} <= set(answers)}
        forms = {pair.name: pair.forms for pair in pairs.pairs}
        n_of_form[name] = {pair: {forms[pair][k]: answers.count(k) for k in (0, 1)} for pair, answers in right.items()}
        columns[name] = {column: _column(values, right) for column, values in here.items()}
        asked = [(pair, d) for pair, d, wanted in zip(minimal_pairs, differences, which, strict=True) if wanted]
        question_sets += pair_question_sets(name, asked, here, right, pairs)
    return PairsResults(columns, n_without_cloze, n_without_one_prefix, n_of_form, preferences, question_sets)


def best_preference(words: Sequence[tuple[str, str]]) -> list[str]:
    """The order of the words that, always preferring the earlier, is right most often; [] of none or too many words.

    `words`: the good and the bad word of every pair. What a benchmark gives to those who never read the sentence.
    """
    distinct = sorted({word for pair in words for word in pair})
    if not distinct or len(distinct) > MAX_RANKED_WORDS:
        return []
    counts = {pair: words.count(pair) for pair in set(words)}

    def n_right(order: list[str]) -> int:
        return sum(n for (good, bad), n in counts.items() if order.index(good) < order.index(bad))

    return max(map(list, itertools.permutations(distinct)), key=n_right)


def _column(margins: Floats, right: dict[str, list[int | None]]) -> Column:
    known = ~np.isnan(margins)
    values = margins[known]
    accuracy = metrics.accuracy(values)
    balanced = {}
    for pair, answers in right.items():
        chosen = known & np.array([answer is not None for answer in answers])
        balanced[pair] = metrics.balanced_accuracy(
            margins[chosen], np.array([-1 if a is None else a for a in answers])[chosen]
        )
    return Column(
        len(values), accuracy, metrics.wilson_interval(accuracy, len(values)), metrics.tie_rate(values), balanced
    )


def _answer(words: tuple[str, str] | None, forms: tuple[str, str]) -> int | None:
    """Which form is right where the two words are a pair's two forms."""
    return forms.index(words[0]) if words is not None and set(words) == set(forms) else None


@dataclass(frozen=True)
class _Choice:
    """Two words for a blank."""

    text: str
    good: str
    bad: str


def _cloze_margins(
    language_model: AnswersCloze,
    minimal_pairs: Sequence[MinimalPair],
    differences: Sequence[Difference | None],
    context: str,
) -> Floats:
    choices = [d if d is None else _Choice(d.before + BLANK + d.after, d.good, d.bad) for d in differences]
    return _choice_margins(language_model, minimal_pairs, choices, context, f"cloze, {context}")


def _one_prefix_margins(language_model: AnswersCloze, minimal_pairs: Sequence[MinimalPair]) -> Floats:
    """log P(word | prefix), the end of a word of several pieces counted: the cloze with nothing after the blank."""
    choices = [
        None if (p := pair.one_prefix) is None else _Choice(f"{p.prefix} {BLANK}".strip(), p.good, p.bad)
        for pair in minimal_pairs
    ]
    return _choice_margins(language_model, minimal_pairs, choices, "left", "one prefix")


def _choice_margins(
    language_model: AnswersCloze,
    minimal_pairs: Sequence[MinimalPair],
    choices: Sequence[_Choice | None],
    context: str,
    told: str,
) -> Floats:
    """(n,) score(good) - score(bad), NaN where there is no choice. `told`: what the progress is called."""
    margins = np.full(len(minimal_pairs), np.nan)
    groups: dict[tuple[str, ...], list[int]] = {}  # one call asks the same words of all its texts
    for index, choice in enumerate(choices):
        if choice is not None:
            groups.setdefault(tuple(sorted((choice.good, choice.bad))), []).append(index)
    with tqdm(total=sum(map(len, groups.values())), desc=told, unit=" items", disable=None) as bar:
        for targets, members in groups.items():
            for start in range(0, len(members), BATCH_SIZE):
                batch = members[start : start + BATCH_SIZE]
                chosen = [choice for index in batch if (choice := choices[index]) is not None]
                try:
                    results = language_model.cloze_batch([c.text for c in chosen], list(targets), context=context)
                except RequestError as error:
                    raise EvaluationError(f"{minimal_pairs[batch[0]].place} and the following: {error}") from error
                for index, choice, result in zip(batch, chosen, results, strict=True):
                    scores = {
                        prediction.target: prediction.log_probability for prediction in result.blanks[0].predictions
                    }
                    margins[index] = scores[choice.good] - scores[choice.bad]
                bar.update(len(batch))
    return margins


def _sentence_margins(language_model: ScoresText, minimal_pairs: Sequence[MinimalPair]) -> Floats:
    margins = np.zeros(len(minimal_pairs))
    with tqdm(total=len(minimal_pairs), desc="sentences", unit=" items", disable=None) as bar:
        for start in range(0, len(minimal_pairs), BATCH_SIZE // 2):
            batch = minimal_pairs[start : start + BATCH_SIZE // 2]
            try:
                scores = language_model.log_likelihood([text for pair in batch for text in (pair.good, pair.bad)])
            except RequestError as error:
                raise EvaluationError(f"{batch[0].place} and the following: {error}") from error
            nats = np.array([score.log_probability_nats for score in scores]).reshape(-1, 2)
            margins[start : start + len(batch)] = nats[:, 0] - nats[:, 1]
            bar.update(len(batch))
    return margins


def _ngram_margin(trigram: Trigram, difference: Difference | None, context: str) -> float:
    if difference is None:
        return float("nan")
    after = difference.after if context == "both" else None
    scores = trigram.blank_scores(difference.before, after, (difference.good, difference.bad))
    return float(scores[0] - scores[1])


def _ngram_prefix_margin(trigram: Trigram, pair: MinimalPair) -> float:
    if (found := pair.one_prefix) is None:
        return float("nan")
    good, bad = (trigram.log_likelihood_after(found.prefix, word) for word in (found.good, found.bad))
    return good - bad
