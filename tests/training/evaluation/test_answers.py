"""The summary of a list of answers, and its JSON."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation.answers import Answers, rounded

ANSWERS = Answers(np.array([0, 0, 1, 1]), np.array([1.0, -1.0, 2.0, 0.0]), np.array([0.8, 0.3, 0.9, 0.5]))


def test_a_summary_holds_every_figure() -> None:
    summary = ANSWERS.summary()
    assert (summary.n_items, summary.accuracy, summary.tie_rate) == (4, 0.625, 0.25)
    assert (summary.first_accuracy, summary.second_accuracy, summary.balanced_accuracy) == (0.5, 0.75, 0.625)
    assert summary.log_loss_nats == pytest.approx(-math.log(0.8 * 0.3 * 0.9 * 0.5) / 4)
    # P(first) is 0.8, 0.3, 0.1, 0.5 and the first is right in the first two: four bins of one.
    assert summary.calibration_error == pytest.approx((0.2 + 0.7 + 0.1 + 0.5) / 4)


def test_answers_can_be_narrowed_to_some_questions() -> None:
    assert ANSWERS.chosen(np.array([True, False, False, True])).summary().accuracy == 0.75


def test_json_has_none_where_there_is_no_figure() -> None:
    fields = Answers(np.array([0]), np.array([1.0]), None).summary().to_json()
    assert fields["accuracy"] == 1.0
    assert fields["log_loss_nats"] is None
    assert fields["balanced_accuracy_interval"] == [None, None]
    assert rounded(1 / 3) == 0.333333
