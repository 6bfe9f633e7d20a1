"""Selectivity: the area under the curve by hand, and which way round is decided elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.units.selectivity import Tokens, auc, selectivities, with_interval
from training.units.subjects import FEMININE, MASCULINE


def test_the_area_is_the_share_of_pairs_that_masculine_tokens_win_ties_one_half() -> None:
    subjects = np.array([MASCULINE, MASCULINE, FEMININE, FEMININE, FEMININE])
    # 3 beats 1, 2 and ties 3; 1 ties 1
    assert auc(np.array([3.0, 1, 1, 2, 3]), subjects) == pytest.approx((1 + 1 + 0.5 + 0.5) / 6)
    assert auc(np.array([9.0, 9, 1, 2, 3]), subjects) == 1.0
    assert math.isnan(auc(np.array([1.0]), np.array([MASCULINE])))


def test_which_way_round_is_decided_on_other_stories() -> None:
    subjects = np.array([MASCULINE, FEMININE] * 4)
    places = ["a"] * 4 + ["b"] * 4
    holds, flips = np.array([0.0, 1] * 4), np.array([0.0, 1, 0, 1, 1, 0, 1, 0])
    tokens = Tokens(np.stack([holds, flips, -holds], axis=1), subjects, places)
    found = selectivities(tokens, {"a"})
    assert [one.auc for one in found] == [1.0, 0.0, 1.0]
    assert [one.higher_for for one in found] == ["feminine", "feminine", "masculine"]
    interval = with_interval(found[0], tokens, 0, {"a"}, 0).interval
    assert interval is not None
    assert (interval.low, interval.high) == (1.0, 1.0)
