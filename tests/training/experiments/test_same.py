"""LSTM against GRU with the real trainer: resumable run by run, and within one; other settings are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import anaphora
from tests.training.conftest import write_corpus
from training.checkpoint import has_checkpoint
from training.experiments import rates, same
from training.experiments.kept_runs import KeptRuns
from training.experiments.outcome import Settings
from training.loop import CHECKPOINT, Trainer


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A quick run on the tiny sentences, without its output files."""
    monkeypatch.setattr("training.loop.VALIDATION_BATCHES", 2)
    monkeypatch.setitem(same.QUICK, "vocabulary", 160)
    monkeypatch.setattr(rates, "MOST_BEYOND", 0)
    write_corpus(tmp_path / "texts")
    write_corpus(tmp_path / "held-out", 3)
    corpora = ["--data", str(tmp_path / "texts"), "--valid", str(tmp_path / "held-out")]
    return ["experiment", "same", "--quick", "--steps", "3", *corpora]


def test_an_interrupted_experiment_goes_on_and_gives_what_an_uninterrupted_one_gives(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def options(name: str, seeds: int) -> list[str]:
        return ["--keep", str(tmp_path / name), "--seeds", str(seeds), "--json", str(tmp_path / f"{name}.json")]

    assert anaphora.main([*words, *options("whole", 2)]) == 0
    assert "LSTM minus GRU" in capsys.readouterr().out

    # Stopped after the first step of the LSTM's seed 1; before it come a training of 3 steps for each rate.
    steps, original = [], Trainer.step

    def step(trainer: Trainer, rate: float | None = None) -> None:
        original(trainer, rate)
        steps.append(trainer.n_steps)
        trainer.stop_requested = len(steps) == 3 * len(same.RATES) + 1

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", step)
        assert anaphora.main([*words, *options("stopped", 2)]) == 130
    assert "stopped at step 1 and saved; the same command goes on from there" in capsys.readouterr().err
    under_way = [path for path in (tmp_path / "stopped").glob("*.run") if has_checkpoint(path / CHECKPOINT)]
    assert [path.name.startswith("seed-lstm") for path in under_way] == [True]
    assert len(list((tmp_path / "stopped").glob("tuning-lstm-*.json"))) == len(same.RATES)
    assert anaphora.main([*words, *options("stopped", 2)]) == 0
    assert "going on at step 1" in capsys.readouterr().err
    assert (tmp_path / "stopped.json").read_bytes() == (tmp_path / "whole.json").read_bytes()

    # Everything is kept: nothing is trained again, and a further seed needs its own two trainings alone.
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", None)
        assert anaphora.main([*words, *options("whole", 2)]) == 0
    found = json.loads((tmp_path / "whole.json").read_text())["results"]
    lstm, gru = found["cells"]["lstm"], found["cells"]["gru"]
    assert abs(lstm["weights"] - gru["weights"]) <= 0.02 * lstm["weights"]
    first = lstm["seeds"]["1"]["both"]["balanced_accuracy"] - gru["seeds"]["1"]["both"]["balanced_accuracy"]
    assert found["lstm_minus_gru"]["both"]["values"][0] == pytest.approx(first, abs=1e-6)


def test_a_folder_of_other_settings_or_of_something_else_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, other = [str(tmp_path / "texts")], [str(write_corpus(tmp_path / "other", 5))]
    config = same.TrainingConfig(**(same.SHARED | same.QUICK), steps=3, validate_every_steps=3)
    KeptRuns(tmp_path / "kept", config, data, other, 40)
    assert anaphora.main([*words, "--keep", str(tmp_path / "kept")]) == 1
    assert "holds results with other valid: they cannot be compared" in capsys.readouterr().err
    assert anaphora.main([*words, "--keep", str(tmp_path / "texts")]) == 1
    assert "holds something else than an experiment's results; give another --keep" in capsys.readouterr().err


def test_the_defaults_match_within_two_percent() -> None:
    config = same.TrainingConfig(**same.SHARED, steps=1)
    sizes = same.matched(config.network(4096), same.CELLS)
    lstm, gru = (same.n_weights(sizes[cell]) for cell in same.CELLS)
    assert abs(lstm - gru) <= 0.02 * lstm
    assert Settings().seeds == (1, 2, 3, 4, 5)
