"""Answers by distance and by frequency: each question in its bin, and none lost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation.answers import Answers
from training.evaluation.slices import DISTANCE_BOUNDS, FREQUENCY_BOUNDS, bin_labels, by_distance, by_frequency

ANSWERS = Answers(np.array([0, 1, 0, 1, 0]), np.array([1.0, 1.0, -1.0, 0.0, 1.0]), None)


def test_each_question_stands_in_the_bin_of_its_distance() -> None:
    slices = {s.label: s for s in by_distance(ANSWERS, [1, 2, 81, None, 500])}
    assert list(slices) == ["1-2", "3-5", "6-10", "11-20", "21-40", "41-80", "81+", "none"]
    assert {label: s.n_of_form for label, s in slices.items() if s.n_items} == {
        "1-2": (1, 1),
        "81+": (2, 0),
        "none": (0, 1),
    }
    assert slices["1-2"].balanced_accuracy == 1.0
    assert (slices["81+"].accuracy, slices["none"].accuracy) == (0.5, 0.5)
    assert math.isnan(slices["81+"].balanced_accuracy)
    assert slices["3-5"].to_json()["accuracy"] is None


def test_questions_without_a_name_have_no_frequency() -> None:
    slices = by_frequency(ANSWERS, [0, 1, 9, 10_000, None])
    assert [s.label for s in slices] == ["0-1", "2-9", "10-99", "100-999", "1,000-9,999", "10,000+"]
    assert [s.n_items for s in slices] == [2, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("bounds", [DISTANCE_BOUNDS, FREQUENCY_BOUNDS])
def test_every_bound_begins_a_bin(bounds: tuple[int, ...]) -> None:
    assert len(bin_labels(bounds)) == len(bounds)
    assert bin_labels((1, 2, 4)) == ["1", "2-3", "4+"]


def test_a_slice_of_few_items_is_not_drawn() -> None:
    right = np.array([0] * 30 + [1] * 9)
    (first, *_) = by_distance(Answers(right, np.ones(39), None), [1] * 39)
    assert first.is_drawn("accuracy")
    assert not first.is_drawn("balanced accuracy")
