"""Several bundles on the same questions of one suite: scores beside the baselines, paired tests, figures by slice.

Knows question sets and who answered them; asks nobody and draws nothing.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from training.errors import EvaluationError
from training.evaluation.answers import Answers, Summary, rounded
from training.evaluation.metrics import Interval
from training.evaluation.paired_tests import holm, mcnemar, paired_bootstrap
from training.evaluation.plots import reliability_bins, reliability_json
from training.evaluation.question_set import MODEL, QuestionSet
from training.evaluation.slices import Measure, Slice, by_distance, by_frequency
from training.evaluation.tables import ABSENT, Table, interval, number, share
from training.mentions import Kind, Mention, MentionFinder, nearest

WAYS = {"both": "both sides", "left": "left only", "sentence": "whole sentence"}
"""How a bundle was asked, for a person."""
LEAST_SHOWN_P = 0.0005
Slicer = Callable[[Answers, Sequence[int | None]], list[Slice]]
SOMEBODY: tuple[Kind, ...] = ("name", "noun")
SLICINGS = {
    "somebody": "words to the nearest earlier name or noun of the right gender",
    "any": "words to the nearest earlier name, noun or pronoun of the right gender",
    "frequency": "count of the name, where that word is a name",
}
"""What answers are cut up by, for a person."""


@dataclass(frozen=True)
class PairedTest:
    """One bundle against another on one set of questions, asked one way."""

    test: Literal["bootstrap", "mcnemar"]
    """The paired bootstrap of balanced accuracies, or the exact McNemar test of accuracies."""
    questions: str
    way: str
    first: str
    second: str
    n_items: int
    difference: float
    """First minus second."""
    interval: Interval
    """95 %; NaN for McNemar's."""
    only_first: int
    """Places of which the first got more right (a tie lies between right and wrong)."""
    only_second: int
    p_value: float
    corrected_p: float
    """By Holm, among all tests of this kind in the suite."""

    def to_json(self) -> dict[str, Any]:
        """Floats rounded, None for NaN."""
        bounds = [rounded(self.interval.low), rounded(self.interval.high)]
        figures = {name: rounded(v) if isinstance(v, float) else v for name, v in vars(self).items()}
        return figures | {"interval": bounds}


@dataclass(frozen=True)
class Compared:
    """One set of questions with everybody's answers."""

    name: str
    measure: Measure
    forms: tuple[str, str] | None
    bundles: Mapping[str, Mapping[str, Answers]]
    """Way of asking -> bundle -> answers."""
    baselines: Mapping[str, Answers]
    slices: Mapping[str, Mapping[str, Mapping[str, Sequence[Slice]]]]
    """What is sliced by (SLICINGS) -> way of asking -> bundle -> slices; empty for questions without two forms."""

    def table(self) -> Table:
        """A row a bundle and way of asking, then the baselines."""
        rows = [
            (f"{bundle}, {WAYS.get(way, way)}", self._cells(answers.summary()))
            for way, answered in self.bundles.items()
            for bundle, answers in answered.items()
        ]
        rows += [(_baseline(name), self._cells(answers.summary())) for name, answers in self.baselines.items()]
        first, second = self.forms or ("", "")
        header = {
            "accuracy": ("accuracy", "95 % interval", "ties"),
            "balanced accuracy": (
                *("balanced accuracy", "95 % interval", f"on {first}", f"on {second}", "accuracy", "95 % interval"),
                *("log-loss, nats", "calibration error", "ties"),
            ),
        }[self.measure]
        answers = next(iter(next(iter(self.bundles.values())).values()))
        n = len(answers.right)
        counts = [f"{int(np.sum(answers.right == k)):,} {form}" for k, form in enumerate(self.forms or ())]
        title = f"{self.name}: {n:,} items" + (f" ({', '.join(counts)})" if counts else "")
        return Table(title, ("who answers", *header), tuple((name, *cells) for name, cells in rows))

    def to_json(self) -> dict[str, Any]:
        """Scores, slices and reliability of everybody."""
        return {
            "questions": self.name,
            "measure": self.measure,
            "forms": list(self.forms) if self.forms else None,
            "bundles": {
                way: {name: answers.summary().to_json() for name, answers in answered.items()}
                for way, answered in self.bundles.items()
            },
            "baselines": {name: answers.summary().to_json() for name, answers in self.baselines.items()},
            "slices": {
                what: {
                    way: {name: [s.to_json() for s in slices] for name, slices in sliced.items()}
                    for way, sliced in ways.items()
                }
                for what, ways in self.slices.items()
            },
            "reliability": {
                way: {name: reliability_json(reliability_bins(answers)) for name, answers in answered.items()}
                for way, answered in self.bundles.items()
            },
        }

    def _cells(self, summary: Summary) -> tuple[str, ...]:
        accuracy = (share(summary.accuracy), interval(summary.accuracy_interval))
        if self.measure == "accuracy":
            return (*accuracy, share(summary.tie_rate))
        return (
            share(summary.balanced_accuracy),
            interval(summary.balanced_accuracy_interval),
            share(summary.first_accuracy),
            share(summary.second_accuracy),
            *accuracy,
            number(summary.log_loss_nats),
            share(summary.calibration_error),
            share(summary.tie_rate),
        )


@dataclass(frozen=True)
class Comparison:
    """Everything that one suite's questions say of the bundles."""

    compared: Sequence[Compared]
    tests: Sequence[PairedTest]
    counts: str
    """What the counts of names were taken from."""
    left_out: Mapping[str, Sequence[str]]
    """Sets of questions that not every bundle can be asked -> the bundles without them."""

    def tables(self) -> list[Table]:
        """Scores, then the paired tests."""
        kinds = {kind: [t for t in self.tests if t.test == kind] for kind in ("bootstrap", "mcnemar")}
        tables = [one.table() for one in self.compared]
        if rows := kinds["bootstrap"]:
            header: tuple[str, ...] = ("first - second", "items", "difference", "95 % interval", "p", "p, Holm")
            cells = tuple((_told(t), *_items(t), signed_interval(t.interval), *_p_cells(t)) for t in rows)
            title = f"Paired bootstrap over places, balanced accuracy ({len(rows)} tests)"
            tables.append(Table(title, header, cells))
        if rows := kinds["mcnemar"]:
            header = ("first - second", "items", "difference", "first better at", "second better at", "p", "p, Holm")
            split = ((f"{t.only_first:,}", f"{t.only_second:,}") for t in rows)
            told = tuple((_told(t), *_items(t), *only, *_p_cells(t)) for t, only in zip(rows, split, strict=True))
            tables.append(Table(f"Exact McNemar test over places, accuracy ({len(rows)} tests)", header, told))
        return tables

    def to_json(self) -> dict[str, Any]:
        """Everything, in a fixed order."""
        return {
            "sets": [one.to_json() for one in self.compared],
            "tests": [test.to_json() for test in self.tests],
            "names_counted_in": self.counts,
            "left_out": {name: list(without) for name, without in self.left_out.items()},
        }


def compare(
    answered: Mapping[str, Sequence[QuestionSet]],
    finder: MentionFinder,
    count: Callable[[Sequence[str]], list[int]] | None,
    seed: int = 0,
) -> Comparison:
    """Lays bundles side by side. `answered`: by bundle, the sets of one suite; the first one's hold the baselines too.

    `count`: how often words stand in the training text; None: they are counted in the data. `seed`: of the bootstrap.
    Raises EvaluationError when the bundles were not asked the same questions.
    """
    compared, tests = [], []
    told = "the training text of the n-gram" if count is not None else "the data: places with the name before a blank"
    for sets in zip(*_same_questions(answered), strict=True):
        first = sets[0]
        by_way = {
            way: {name: s.columns[MODEL + way] for name, s in zip(answered, sets, strict=True) if way in s.ways}
            for way in dict.fromkeys(way for s in sets for way in s.ways)
        }
        baselines = {name: answers for name, answers in first.columns.items() if not name.startswith(MODEL)}
        slices = _slices(first, by_way, finder, count) if first.forms and first.gendered and first.tested else {}
        compared.append(Compared(first.name, first.measure, first.forms, by_way, baselines, slices))
        if first.tested:
            tests += [test for way in by_way for test in _tests(first, way, by_way[way], seed)]
    return Comparison(compared, _corrected(tests), told, _left_out(answered))


def _left_out(answered: Mapping[str, Sequence[QuestionSet]]) -> dict[str, list[str]]:
    named = {bundle: [s.name for s in sets] for bundle, sets in answered.items()}
    every = dict.fromkeys(name for names in named.values() for name in names)
    without = {name: [bundle for bundle, names in named.items() if name not in names] for name in every}
    return {name: bundles for name, bundles in without.items() if bundles}


def _same_questions(answered: Mapping[str, Sequence[QuestionSet]]) -> list[Sequence[QuestionSet]]:
    """Each bundle's sets, those that all have (a bundle without a language model has no whole sentences)."""
    shared = [name for name in (s.name for s in next(iter(answered.values()))) if _all_have(answered, name)]
    chosen = {bundle: [s for name in shared for s in sets if s.name == name] for bundle, sets in answered.items()}
    (first_bundle, reference), *others = chosen.items()
    for bundle, sets in others:
        for mine, theirs in zip(reference, sets, strict=True):
            if list(mine.lefts) != list(theirs.lefts) or list(mine.places) != list(theirs.places):
                raise EvaluationError(
                    f"{first_bundle} and {bundle} were not asked the same questions of {mine.name}: "
                    f"{len(mine.lefts)} and {len(theirs.lefts)} items. Give --pairs, so that all have the same pairs."
                )
    return list(chosen.values())


def _all_have(answered: Mapping[str, Sequence[QuestionSet]], name: str) -> bool:
    return all(any(s.name == name for s in sets) for sets in answered.values())


def _tests(questions: QuestionSet, way: str, answered: Mapping[str, Answers], seed: int) -> list[PairedTest]:
    tests = []
    for (first, a), (second, b) in itertools.combinations(answered.items(), 2):
        exact = mcnemar(a.margins, b.margins, questions.places)
        difference = a.summary().accuracy - b.summary().accuracy
        nothing = Interval(math.nan, math.nan)
        found = PairedTest(
            *("mcnemar", questions.name, way, first, second, exact.n_items, difference, nothing),
            *(exact.only_first, exact.only_second, exact.p_value, math.nan),
        )
        tests.append(found)
        if questions.measure == "balanced accuracy":
            drawn = paired_bootstrap(a.margins, b.margins, a.right, questions.places, seed=seed)
            tests.append(
                replace(
                    found,
                    test="bootstrap",
                    difference=drawn.difference,
                    interval=drawn.interval,
                    p_value=drawn.p_value,
                )
            )
    return tests


def _corrected(tests: Sequence[PairedTest]) -> list[PairedTest]:
    """The tests with their p-values corrected, each kind by itself."""
    corrected = list(tests)
    for kind in ("bootstrap", "mcnemar"):
        which = [index for index, test in enumerate(tests) if test.test == kind]
        for index, p in zip(which, holm([tests[index].p_value for index in which]), strict=True):
            corrected[index] = replace(tests[index], corrected_p=p)
    return corrected


def _slices(
    questions: QuestionSet,
    by_way: Mapping[str, Mapping[str, Answers]],
    finder: MentionFinder,
    count: Callable[[Sequence[str]], list[int]] | None,
) -> dict[str, dict[str, dict[str, list[Slice]]]]:
    right = next(iter(questions.columns.values())).right
    mentions = [finder.before(left) for left in questions.lefts]
    anything = [nearest(m, int(k), finder.kinds) for m, k in zip(mentions, right, strict=True)]
    cut: dict[str, tuple[Sequence[int | None], Slicer]] = {
        "any": ([m.distance if m else None for m in anything], by_distance)
    }
    if "name" in finder.kinds:
        somebody = [nearest(m, int(k), SOMEBODY) for m, k in zip(mentions, right, strict=True)]
        frequencies = _frequencies(anything, questions.places, count)
        cut = {"somebody": ([m.distance if m else None for m in somebody], by_distance)} | cut
        cut |= {"frequency": (frequencies, by_frequency)}
    return {
        what: {
            way: {name: slicer(answers, values) for name, answers in answered.items()}
            for way, answered in by_way.items()
        }
        for what, (values, slicer) in cut.items()
    }


def _frequencies(
    mentions: Sequence[Mention | None], places: Sequence[str], count: Callable[[Sequence[str]], list[int]] | None
) -> list[int | None]:
    """How frequent the name of each mention that is one is: in the training text, else in how many places it stands."""
    names = [m.word if m is not None and m.kind == "name" else None for m in mentions]
    known = sorted({name for name in names if name is not None})
    if count is not None:
        counts = dict(zip(known, count(known), strict=True))
    else:
        counts = Counter(name for name, _ in {(n, p) for n, p in zip(names, places, strict=True) if n is not None})
    return [None if name is None else counts[name] for name in names]


def signed(value: float) -> str:
    """A difference of shares, to three places."""
    return ABSENT if math.isnan(value) else f"{value:+.3f}"


def signed_interval(bounds: Interval) -> str:
    """The bounds of a difference."""
    return ABSENT if math.isnan(bounds.low) else f"{bounds.low:+.3f} to {bounds.high:+.3f}"


def p_cell(value: float) -> str:
    """A p-value, to three places; never 0."""
    if math.isnan(value):
        return ABSENT
    return "< 0.001" if value < LEAST_SHOWN_P else f"{value:.3f}"


def _items(test: PairedTest) -> tuple[str, str]:
    return f"{test.n_items:,}", signed(test.difference)


def _p_cells(test: PairedTest) -> tuple[str, str]:
    return p_cell(test.p_value), p_cell(test.corrected_p)


def _told(test: PairedTest) -> str:
    return f"{test.questions}, {WAYS.get(test.way, test.way)}: {test.first} - {test.second}"


def _baseline(name: str) -> str:
    way = name.removeprefix("ngram_")
    return f"n-gram, {WAYS.get(way, way)}" if way != name else name.replace("_", " ")
