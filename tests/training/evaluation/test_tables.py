"""Tables a person can read: aligned, with a dash where there is no figure."""

from __future__ import annotations

import math

from training.evaluation.metrics import Interval
from training.evaluation.tables import Table, interval, number, share


def test_columns_are_aligned_the_first_to_the_left_and_figures_to_the_right() -> None:
    table = Table("Title", ("", "left only"), (("accuracy", share(0.8125)), ("items", "8,760")))
    assert str(table).splitlines() == [
        "Title",
        "            left only",
        "  accuracy      0.812",
        "  items         8,760",
    ]


def test_what_does_not_exist_is_a_dash() -> None:
    assert [share(math.nan), number(math.nan), interval(Interval(math.nan, math.nan))] == ["-", "-", "-"]
    assert [number(54.6), number(0.69311), interval(Interval(0.1, 0.25))] == ["54.6", "0.6931", "0.100-0.250"]
