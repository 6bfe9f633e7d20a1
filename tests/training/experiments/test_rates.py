"""Learning rates are chosen by what they give, and the best of them is no edge of the grid unless that is said."""

from __future__ import annotations

import math

import pytest

from training.errors import DivergedError
from training.experiments.rates import tuned

RATES = (0.003, 0.01, 0.03)


def bowl(best: float):
    """A loss that is lowest at `best`."""
    return lambda rate: abs(math.log(rate / best))


def test_a_best_rate_inside_the_grid_is_taken_and_nothing_else_is_tried() -> None:
    chosen = tuned("a cell", RATES, bowl(0.012))
    assert chosen.rate == 0.01
    assert list(chosen.losses) == list(RATES)
    assert not chosen.at_the_edge


@pytest.mark.parametrize(
    ("lowest", "rate", "tried"),
    [(0.08, 0.09, [*RATES, 0.09, 0.27]), (0.0009, 0.0009, [0.00027, 0.0009, *RATES])],
)
def test_beyond_the_edge_the_grid_grows_until_the_best_lies_within(
    lowest: float, rate: float, tried: list[float]
) -> None:
    chosen = tuned("a cell", RATES, bowl(lowest))
    assert chosen.rate == rate
    assert list(chosen.losses) == tried
    assert not chosen.at_the_edge


def test_a_loss_that_only_falls_ends_somewhere_and_says_that_more_may_lie_beyond(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chosen = tuned("a cell", RATES, bowl(1e9))
    assert chosen.rate == max(chosen.losses) == 0.81
    assert chosen.at_the_edge
    assert "a cell: learning rate 0.81 of 0.003 (" in (told := capsys.readouterr().err)
    assert told.rstrip().endswith("what lies beyond was not tried")


@pytest.mark.parametrize("worst", [math.inf, math.nan])
def test_a_rate_at_which_training_runs_away_loses(worst: float) -> None:
    def loss(rate: float) -> float:
        if rate > 0.02:
            raise DivergedError("no number")
        return worst if rate > 0.005 else bowl(0.003)(rate)

    chosen = tuned("a cell", RATES, loss)
    assert chosen.rate == 0.003
    assert chosen.losses[0.01] == chosen.losses[0.03] == math.inf


def test_of_even_ones_the_first_is_taken_and_nothing_beyond_is_tried_where_all_ran_away() -> None:
    assert tuned("a cell", RATES, lambda rate: 1.0).rate == 0.003
    assert list(tuned("a cell", RATES, lambda rate: math.inf).losses) == list(RATES)
