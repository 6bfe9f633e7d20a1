"""Bundles side by side: figures and p-values worked out by hand from a handful of answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.errors import EvaluationError
from training.evaluation.answers import Answers
from training.evaluation.comparison import Comparison, compare, p_cell, signed
from training.evaluation.comparison_page import suite_pictures
from training.evaluation.metrics import softmax_pair
from training.evaluation.question_set import QuestionSet
from training.mentions import mention_finder
from training.pronouns import load_pairs

HE, SHE = 0, 1
RIGHT = np.array([HE, SHE] * 20)
LEFTS = ["Brian met Karen because "] * 36 + ["Nobody came when "] * 4
FINDER = mention_finder(load_pairs())


def answers(n_wrong: int) -> Answers:
    """The first `n_wrong` of forty wrong, by one nat."""
    margins = np.where(np.arange(40) < n_wrong, -1.0, 1.0)
    return Answers(RIGHT, margins, softmax_pair(margins))


def questions(n_wrong: int, lefts: list[str] = LEFTS, name: str = "he/she") -> QuestionSet:
    columns = {"model_both": answers(n_wrong), "always_he": Answers(RIGHT, np.where(RIGHT == HE, 1.0, -1.0), None)}
    return QuestionSet(name, "balanced accuracy", lefts, [f"line {n}" for n in range(40)], columns, ("he", "she"))


def three() -> Comparison:
    return compare({"good": [questions(0)], "fair": [questions(6)], "poor": [questions(20)]}, FINDER, None)


def test_every_bundle_stands_beside_the_baselines_in_one_table() -> None:
    table, *_ = three().tables()
    assert table.title == "he/she: 40 items (20 he, 20 she)"
    figures = {row[0]: row[1] for row in table.rows}
    assert figures == {
        "good, both sides": "1.000",
        "fair, both sides": "0.850",
        "poor, both sides": "0.500",
        "always he": "0.500",
    }


def test_mcnemar_and_holm_are_those_worked_out_by_hand() -> None:
    tests = [test for test in three().tests if test.test == "mcnemar"]
    assert [(t.first, t.second, t.only_first, t.only_second) for t in tests] == [
        ("good", "fair", 6, 0),
        ("good", "poor", 20, 0),
        ("fair", "poor", 14, 0),
    ]
    raw = [2 / 2**6, 2 / 2**20, 2 / 2**14]
    assert [t.p_value for t in tests] == raw
    # The smallest times 3, the next times 2, the largest times 1.
    assert [t.corrected_p for t in tests] == [raw[0], 3 * raw[1], 2 * raw[2]]


def test_balanced_accuracies_are_tested_by_the_paired_bootstrap() -> None:
    first = next(t for t in three().tests if t.test == "bootstrap")
    assert (first.first, first.second, first.difference) == ("good", "fair", pytest.approx(0.15))
    assert 0 < first.interval.low < 0.15 < first.interval.high
    assert first.p_value <= first.corrected_p < 0.05


def test_questions_without_two_forms_are_tested_by_mcnemar_alone() -> None:
    def pairs(margins: list[float]) -> list[QuestionSet]:
        columns = {"model_sentence": Answers(np.zeros(3, dtype=np.int64), np.array(margins), None)}
        return [QuestionSet("agreement", "accuracy", ["", "", ""], list("abc"), columns)]

    found = compare({"one": pairs([1.0, 1.0, -1.0]), "two": pairs([1.0, -1.0, -1.0])}, FINDER, None)
    assert [(t.test, t.way, t.only_first, t.p_value) for t in found.tests] == [("mcnemar", "sentence", 1, 1.0)]
    assert found.compared[0].slices == {}
    assert suite_pictures(found, "suite") == []


def test_answers_are_cut_up_by_distance_and_by_the_name_s_frequency() -> None:
    found = three().compared[0]
    somebody = {s.label: s.n_of_form for s in found.slices["somebody"]["both"]["fair"] if s.n_items}
    assert somebody == {"1-2": (0, 18), "3-5": (18, 0), "none": (2, 2)}  # Karen 2 words back, Brian 4
    in_data = {s.label: s.n_items for s in found.slices["frequency"]["both"]["fair"] if s.n_items}
    assert in_data == {"10-99": 36}  # either name stands before 18 blanks
    counted = compare({"one": [questions(0)]}, FINDER, lambda names: [{"Brian": 5, "Karen": 500}[n] for n in names])
    in_text = {s.label: s.n_of_form for s in counted.compared[0].slices["frequency"]["both"]["one"] if s.n_items}
    assert in_text == {"2-9": (18, 0), "100-999": (0, 18)}
    assert (three().counts, counted.counts) == (
        "the data: places with the name before a blank",
        "the training text of the n-gram",
    )


def test_reliability_sets_each_bundle_s_probabilities_against_shares() -> None:
    content = three().to_json()["sets"][0]
    bins = content["reliability"]["both"]["good"]
    assert sum(b["n_items"] for b in bins) == 40
    assert {(b["stated"], b["share"]) for b in bins if b["share"] in (0.0, 1.0)} == {(0.268941, 0.0), (0.731059, 1.0)}


def test_bundles_that_were_asked_other_questions_are_not_compared() -> None:
    others = ["Somebody else came because "] * 40
    with pytest.raises(EvaluationError, match="one and two were not asked the same questions of he/she: 40 and 40"):
        compare({"one": [questions(0)], "two": [questions(0, others)]}, FINDER, None)


def test_what_not_all_can_answer_is_left_out() -> None:
    found = compare({"one": [questions(0), questions(0, name="whole sentence")], "two": [questions(1)]}, FINDER, None)
    assert [one.name for one in found.compared] == ["he/she"]


def test_cells_say_p_and_difference_shortly() -> None:
    assert [p_cell(p) for p in (0.0001, 0.0005, 0.0412, math.nan)] == ["< 0.001", "0.001", "0.041", "-"]
    assert [signed(d) for d in (0.15, -0.15, math.nan)] == ["+0.150", "-0.150", "-"]
