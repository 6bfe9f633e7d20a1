"""The learning-rate finder: where the loss falls fastest, told and drawn, and no checkpoint touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import TinyRun, tiny_run, train
from tests.training.test_export import stop_after
from training import learning_rate
from training.errors import DivergedError
from training.learning_rate import RateSearch, search


def curve(losses: list[float]) -> RateSearch:
    return RateSearch(np.geomspace(1e-6, 1, len(losses)).tolist(), losses, losses)


def test_the_suggestion_is_where_the_loss_falls_fastest_before_its_lowest_point() -> None:
    losses = [10.0] * 8 + [9.9, 9.6, 8.0, 6.4, 6.0, 5.9, 5.95, 9.0, 20.0, 1e3]
    found = curve(losses)
    assert found.lowest == 13
    assert found.suggestion == found.rates[10]  # between 9.6 and 6.4
    assert f"--learning-rate {found.rates[10]:.1g}" in found.advice


def test_a_loss_that_only_rises_gives_no_suggestion() -> None:
    found = curve([1.0 + 0.1 * number for number in range(20)])
    assert found.suggestion is None
    assert "did not fall at any rate" in found.advice


class FakeTrainer:
    """Its loss is a function of the rate; beyond `broken` it is no number."""

    def __init__(self, broken: float = np.inf) -> None:
        self.broken, self.stop_requested, self.network = broken, False, self
        self.rates: list[float] = []

    def train(self) -> None: ...

    def step(self, rate: float) -> None:
        if rate > self.broken:
            raise DivergedError("no number")
        self.rates.append(rate)
        self.latest_loss = 5.0 - 2.0 / (1 + (1e-3 / rate) ** 2) + 100 * max(rate - 0.05, 0)


def test_it_ends_where_the_loss_runs_away_or_is_no_number_any_more() -> None:
    found = search(FakeTrainer())  # type: ignore[arg-type]
    assert found.rates[0] == pytest.approx(1e-6)
    assert np.allclose(np.diff(np.log(found.rates)), np.log(1e6) / 99)
    assert 0.05 < found.rates[-1] < 0.5
    assert found.suggestion is not None
    assert 3e-4 < found.suggestion < 5e-3  # the smoothed loss lags behind by a few steps
    broken = search(FakeTrainer(broken=0.01))  # type: ignore[arg-type]
    assert 0.008 < broken.rates[-1] <= 0.01
    with pytest.raises(DivergedError):
        search(FakeTrainer(broken=1e-6))  # type: ignore[arg-type]


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_rate, "N_STEPS", 16)


def looking(tiny: TinyRun, *, resume: bool = False) -> TinyRun:
    return replace(tiny, options=replace(tiny.options, find_learning_rate=True, resume=resume))


@pytest.mark.usefixtures("few_steps")
def test_the_command_prints_and_draws_and_the_run_afterwards_is_as_without(
    tmp_path: Path, finished: TinyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tiny_run(tmp_path, valid=finished.options.valid)
    assert train(looking(tiny))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["learning", "rate", "loss", "smoothed"]
    assert printed[1].split()[0] == "1.00e-06"
    page = (tiny.options.run_folder / "learning-rate.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "<td>" in page
    assert not tiny.options.out.exists()
    assert not list(tiny.options.run_folder.glob("checkpoint*"))
    assert train(tiny)
    for name, value in finished.bundle.weights.items():
        np.testing.assert_array_equal(tiny.bundle.weights[name], value)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("resume", [False, True])
def test_the_checkpoint_of_a_run_that_has_begun_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    tiny = tiny_run(tmp_path)
    with monkeypatch.context() as patched:
        stop_after(3, patched)
        assert not train(tiny)
    before = {path.name: path.read_bytes() for path in tiny.options.run_folder.iterdir() if path.is_file()}
    assert train(looking(tiny, resume=resume))
    after = {path.name: path.read_bytes() for path in tiny.options.run_folder.iterdir() if path.is_file()}
    assert after.keys() - before.keys() == {"learning-rate.html"}
    assert before == {name: after[name] for name in before}
