"""What the person who waits is told: the pace of late, not of all the time, and the latest figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from training.progress import Pace, ProgressBar
from training.pronouns import load_pairs


def test_the_pace_is_that_of_the_last_minute() -> None:
    pace = Pace()
    n_tokens, progress = 0, 0.0
    for second in range(1000):  # slow for a quarter of an hour, then ten times faster
        fast = second > 900
        n_tokens += 1000 if fast else 100
        progress += 0.0010 if fast else 0.0001
        pace.note(float(second), n_tokens, progress)
    assert pace.tokens_per_second == pytest.approx(1000)
    assert pace.seconds_left == pytest.approx((1 - progress) / 0.001)
    assert len(pace.marks) <= 62


def test_steps_of_minutes_have_a_pace_too() -> None:
    pace = Pace()
    for number in range(4):
        pace.note(300.0 * number, 6000 * number, 0.1 * number)
    assert pace.tokens_per_second == pytest.approx(20)
    assert pace.seconds_left == pytest.approx(7 * 300)


def test_steps_of_milliseconds_leave_few_marks() -> None:
    pace = Pace()
    for number in range(10_000):
        pace.note(number / 1000, number, number / 20_000)
    assert len(pace.marks) < 25
    assert pace.tokens_per_second == pytest.approx(1000, rel=0.01)


def test_before_there_is_a_pace_none_is_claimed() -> None:
    pace = Pace()
    assert pace.tokens_per_second is pace.seconds_left is None
    pace.note(1.0, 0, 0.0)
    assert pace.tokens_per_second is pace.seconds_left is None


def test_loss_and_both_accuracies_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 10.0))
    monkeypatch.setattr("training.progress.time.monotonic", lambda: next(clock))
    trainer: Any = SimpleNamespace(progress=0.0, n_tokens=0, n_steps=0, history=[], pairs=load_pairs())
    with ProgressBar(trainer) as bar:
        trainer.progress, trainer.n_tokens, trainer.n_steps = 0.25, 20_000, 40
        trainer.history = [
            {"step": 40, "train_loss": 3.25, "train_right_left": 0.6, "train_right_both": 0.71, "learning_rate": 0.1},
            {"step": 40, "valid_he/she_left": 0.7, "valid_he/she_both": 0.8, "valid_him/her_both": None},
        ]
        bar.update(trainer)
        assert bar.words(trainer) == (
            "step 40, 2,000 tokens/s, loss 3.250, pronouns right 0.710, held-out he/she 0.800"
        )
        assert "<00:30, step 40" in str(bar.bar)
