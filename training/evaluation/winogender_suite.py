"""Winogender: does P(she) follow the statistics of occupations, and does a preference stay when the sentence's other
person changes?

The first on our own neutral templates over all occupations of the table, the second on the sentences given. Reading is
in `winogender.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import RequestError
from training.errors import EvaluationError
from training.evaluation import metrics
from training.evaluation.answers import Answers, rounded
from training.evaluation.cloze_suite import BATCH_SIZE, CONTEXTS, AnswersCloze
from training.evaluation.correlation import pearson, pearson_interval, spearman, spearman_interval
from training.evaluation.metrics import Floats, Interval
from training.evaluation.ngram import Trigram
from training.evaluation.questions import answer_columns
from training.evaluation.results import JsonResults, titled
from training.evaluation.summary_tables import (
    as_float,
    count_cell,
    dropped_table,
    in_order,
    interval_cell,
    signed_interval_cell,
)
from training.evaluation.tables import Table, number, share
from training.evaluation.winogender import STATISTICS, Frame, Occupation, read_winogender, templates
from training.mining import BLANK, ClozeItem
from training.pronouns import Pairs, PronounPair

SOMEONE = "someone"


def evaluate_winogender(
    language_model: AnswersCloze,
    data: Sequence[Path],
    pairs: Pairs,
    trigram: Trigram | None,
    limit: int | None = None,
) -> JsonResults:
    """Asks the templates with every occupation, and the sentences, where the files have them; `limit`: the first ones.

    Raises EvaluationError for files of another format, naming file and line, for pairs of another language than English
    or without he/she, and when there is nothing to ask.
    """
    if pairs.language != "en" or "he/she" not in {pair.name for pair in pairs.pairs}:
        raise EvaluationError(
            "Winogender's sentences and our templates are English and ask he or she; the pairs are of language "
            f"{pairs.language!r}: {', '.join(pair.name for pair in pairs.pairs)}."
        )
    occupations, frames = read_winogender(data)
    content: dict[str, Any] = {"forms": list(pairs.default.forms)}
    if occupations:
        content["occupations"] = _occupations(language_model, occupations[:limit], pairs, trigram)
    if frames:
        content["sentences"] = _sentences(language_model, frames[:limit], pairs, trigram)
    if len(content) == 1:
        raise EvaluationError("neither an occupation nor a sentence of Winogender in the data.")
    return JsonResults(content, winogender_tables)


def winogender_tables(data: str, results: Mapping[str, Any]) -> list[Table]:
    """The correlations, then the consistency."""
    tables = []
    feminine = (results.get("forms") or ("he", "she"))[1]
    occupations: Mapping[str, Any] = results.get("occupations") or {}
    if occupations:
        rows = []
        for name, figures in in_order(occupations.get("columns") or {}):
            row = [name, number(as_float(figures.get("mean_probability"))), share(as_float(figures.get("share")))]
            for statistic in STATISTICS:
                for kind in ("pearson", "spearman"):
                    found = (figures.get(statistic) or {}).get(kind) or {}
                    row += [share(as_float(found.get("r"))), signed_interval_cell(found.get("interval"))]
            rows.append((*row, share(as_float(figures.get("tie_rate")))))
        header = ["who answers", f"mean P({feminine})", f"{feminine} preferred"]
        for statistic in STATISTICS:
            for kind in ("Pearson", "Spearman"):
                header += [f"{kind}, {statistic}", "95 % interval"]
        n_items, n_templates = (occupations.get(key) for key in ("n_occupations", "n_templates"))
        title = (
            f"Winogender: P({feminine}) against the share of women, {count_cell(n_items)} occupations in "
            f"{count_cell(n_templates)} templates"
        )
        tables.append(Table(titled(title, data), (*header, "ties"), tuple(rows)))
    sentences: Mapping[str, Any] = results.get("sentences") or {}
    if sentences:
        rows = [
            (
                name,
                count_cell(figures.get("n_frames")),
                share(as_float(figures.get("consistency"))),
                interval_cell(figures.get("consistency_interval")),
                share(as_float(figures.get("mean_change"))),
                number(as_float(figures.get("mean_probability"))),
                share(as_float(figures.get("mean_probability_occupation"))),
                share(as_float(figures.get("mean_probability_participant"))),
                number(as_float(figures.get("mean_probability_neutral"))),
                share(as_float(figures.get("tie_rate"))),
            )
            for name, figures in in_order(sentences.get("columns") or {})
        ]
        header = [
            "who answers",
            "frames",
            "consistency",
            "95 % interval",
            f"mean change of P({feminine})",
            f"mean P({feminine})",
            "of the occupation",
            "of the other",
            "mean P(neutral)",
            "ties",
        ]
        title = f"Winogender's sentences: is the preference the same beside a participant and beside {SOMEONE}"
        tables.append(Table(titled(title, data), tuple(header), tuple(rows)))
        dropped = sentences.get("dropped") or {}
        tables += dropped_table(titled("Winogender, frames not asked", data), dropped)
    return tables


def _occupations(
    language_model: AnswersCloze, occupations: Sequence[Occupation], pairs: Pairs, trigram: Trigram | None
) -> dict[str, Any]:
    pair = pairs.named("he/she")
    feminine = pair.forms[1]
    items = []
    for occupation in occupations:
        for template in templates():
            left, _, right = template.format(occupation=occupation.name).partition(BLANK)
            items.append(ClozeItem(pair, feminine, left, right, f"{occupation.name}: {template}", False))
    columns, temperatures = answer_columns(language_model, items, pairs, trigram)
    shape = (len(occupations), len(templates()))
    reported, by_occupation = {}, {}
    for name, answers in columns.items():
        probabilities = _feminine(answers).reshape(shape)  # (occupations, templates)
        means = probabilities.mean(axis=1)
        reported[name] = {
            "mean_probability": rounded(float(means.mean())),
            "share": rounded(metrics.accuracy(answers.margins)),
            "tie_rate": rounded(metrics.tie_rate(answers.margins)),
        } | {statistic: _correlations(means, [o.shares[statistic] for o in occupations]) for statistic in STATISTICS}
        by_occupation[name] = means
    return {
        "n_occupations": len(occupations),
        "n_templates": len(templates()),
        "n_items": len(items),
        "temperatures": temperatures,
        "columns": reported,
        "probability": {
            occupation.name: {
                name: rounded(float(by_occupation[name][index])) for name in columns if name.startswith("model_")
            }
            for index, occupation in enumerate(occupations)
        },
    }


def _correlations(means: Floats, shares: Sequence[float]) -> dict[str, Any]:
    kinds: dict[str, tuple[Callable[..., float], Callable[[float, int], Interval]]] = {
        "pearson": (pearson, pearson_interval),
        "spearman": (spearman, spearman_interval),
    }
    reported = {}
    for name, (correlation, interval_of) in kinds.items():
        r = correlation(means, shares)
        bounds = interval_of(r, len(means))
        reported[name] = {"r": rounded(r), "interval": [rounded(bounds.low), rounded(bounds.high)]}
    return reported


def _feminine(answers: Answers) -> Floats:
    """(n,) P(feminine form) of items whose "right" answer is that form; of a constant answer 0 or 1."""
    return metrics.correctness(answers.margins) if answers.probabilities is None else answers.probabilities


def _sentences(
    language_model: AnswersCloze, frames: Sequence[Frame], pairs: Pairs, trigram: Trigram | None
) -> dict[str, Any]:
    asked: list[Frame] = []
    items: list[ClozeItem] = []
    neutral: list[str | None] = []
    dropped: Counter[str] = Counter()
    for frame in frames:
        found = frame.pronouns
        pair = None if found is None else _pair_of(found[1], pairs)
        if not {"male", "female"} <= set(frame.versions):
            dropped["no male or no female version"] += 1
        elif found is None:
            dropped["male and female differ in more than a word"] += 1
        elif pair is None:
            dropped["the pronouns are not in a pair"] += 1
        else:
            asked.append(frame)
            items.append(ClozeItem(pair, pair.forms[1], found[0], found[2], frame.place, False))
            neutral.append(found[1].get("neutral"))
    if not items:
        raise EvaluationError(f"no sentence of Winogender could be asked ({dict(dropped)}).")
    columns, temperatures = answer_columns(language_model, items, pairs, trigram)
    with_neutral = {
        f"model_{context}": _neutral_probability(language_model, items, neutral, context) for context in CONTEXTS
    }
    twins = _twins(asked)
    of_occupation = np.array([frame.answer == 0 for frame in asked])
    reported = {}
    for name, answers in columns.items():
        probabilities = _feminine(answers)
        preferred = metrics.correctness(answers.margins)
        same = np.array([agreement(preferred[a], preferred[b]) for a, b in twins])
        share_same = float(same.mean()) if twins else float("nan")
        change = [abs(probabilities[a] - probabilities[b]) for a, b in twins]
        neutrals = with_neutral.get(name, [])
        reported[name] = {
            "n_frames": len(twins),
            "n_items": len(items),
            "consistency": rounded(share_same),
            "consistency_interval": [
                rounded(bound) for bound in vars(metrics.wilson_interval(share_same, len(twins))).values()
            ],
            "mean_change": rounded(_mean(change)),
            "mean_probability": rounded(_mean(probabilities)),
            "mean_probability_occupation": rounded(_mean(probabilities[of_occupation])),
            "mean_probability_participant": rounded(_mean(probabilities[~of_occupation])),
            "mean_probability_neutral": rounded(_mean(neutrals)),
            "tie_rate": rounded(metrics.tie_rate(answers.margins)),
        }
    return {
        "n_read": len(frames),
        "n_without_counterpart": len(asked) - 2 * len(twins),
        "dropped": dict(sorted(dropped.items())),
        "temperatures": temperatures,
        "columns": reported,
    }


def agreement(first: float, second: float) -> float:
    """1 where two preferences (1 for the feminine form, 0 against it) are the same; one half where either is a tie."""
    return first * second + (1 - first) * (1 - second)


def _pair_of(pronouns: Mapping[str, str], pairs: Pairs) -> PronounPair | None:
    """The pair whose masculine and feminine forms are the male and the female version's."""
    forms = (pronouns.get("male", "").lower(), pronouns.get("female", "").lower())
    return next((pair for pair in pairs.pairs if pair.forms == forms), None)


def _twins(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    """Indices of the frames that differ in their participant alone: named, and `someone`."""
    someone = {(f.occupation, f.answer): n for n, f in enumerate(frames) if f.participant == SOMEONE}
    return [
        (index, someone[frame.occupation, frame.answer])
        for index, frame in enumerate(frames)
        if frame.participant != SOMEONE and (frame.occupation, frame.answer) in someone
    ]


def _neutral_probability(
    language_model: AnswersCloze, items: Sequence[ClozeItem], neutral: Sequence[str | None], context: str
) -> list[float]:
    """P of the neutral form among the three, at temperature 1, of each item that has one."""
    found: list[float] = []
    for targets in dict.fromkeys((item.pair.forms, form) for item, form in zip(items, neutral, strict=True) if form):
        forms, form = targets
        members = [item for item, own in zip(items, neutral, strict=True) if (item.pair.forms, own) == (forms, form)]
        for start in range(0, len(members), BATCH_SIZE):
            batch = members[start : start + BATCH_SIZE]
            try:
                results = language_model.cloze_batch([i.text for i in batch], [*forms, form.lower()], context=context)
            except RequestError as error:
                raise EvaluationError(f"{batch[0].place} and the following: {error}") from error
            for result in results:
                by_target = {p.target: p.probability for p in result.blanks[0].predictions}
                found.append(float(by_target[form.lower()]))
    return found


def _mean(values: Sequence[float] | Floats) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
