"""Figures of several answerers as panels: what is drawn, what is left out, and the same in numbers."""

from __future__ import annotations

import numpy as np

from training.evaluation.answers import Answers
from training.evaluation.plots import reliability_bins, reliability_panel, slices_panel, slices_table
from training.evaluation.slices import by_distance

RIGHT = np.array([0, 1] * 60)
DISTANCES = [3] * 40 + [200] * 2 + [8] * 18 + [None] * 60  # few beyond 80 words
ALWAYS = Answers(RIGHT, np.ones(120), np.full(120, 0.75))
HALF = Answers(RIGHT, np.where(RIGHT == 0, 1.0, -1.0), None)


def test_slices_of_few_items_leave_the_line_and_the_end_of_the_scale() -> None:
    series = {"always right": by_distance(ALWAYS, DISTANCES), "always he": by_distance(HALF, DISTANCES)}
    panel = slices_panel("by distance", "words", series, "balanced accuracy")
    assert list(panel.names) == ["3-5", "none"]  # nine of either form in 6-10
    assert [(line.label, list(line.x), list(line.values)) for line in panel.lines] == [
        ("always right", [0, 1], [1.0, 1.0]),
        ("always he", [0, 1], [0.5, 0.5]),
    ]
    assert panel.last_apart
    by_items = slices_panel("by distance", "words", series, "accuracy")
    assert list(by_items.names) == ["3-5", "6-10", "none"]


def test_the_table_counts_what_is_not_drawn() -> None:
    table = slices_table("", "words", {"always he": by_distance(HALF, DISTANCES)}, "balanced accuracy")
    assert [row[:3] for row in table.rows] == [
        ("3-5", "40", "0.500"),
        ("6-10", "18", "0.500"),
        ("81+", "2", "0.500"),
        ("none", "60", "0.500"),
    ]


def test_nothing_is_drawn_of_nobody_and_of_who_states_no_probability() -> None:
    assert slices_panel("", "words", {}, "accuracy").lines == []
    assert reliability_bins(HALF) == []
    panel = reliability_panel("", "he", {"silent": [], "stating": reliability_bins(ALWAYS)})
    assert [line.label for line in panel.lines] == ["stating"]
    assert sorted(set(zip(panel.lines[0].x, panel.lines[0].values, strict=True))) == [
        (0.25, 0.0),
        (0.5, 0.5),
        (0.75, 1.0),
    ]
