"""Resuming: a run goes on exactly where it stopped, and only as the run that it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.training.tiny_trainer import LONG, TOY, NewTrainer, assert_same_run, nothing, stop_at
from training import loop
from training.errors import CheckpointError, DivergedError
from training.loop import Trainer


@pytest.mark.parametrize(
    "changed",
    [
        {"cell": "lstm", "dropout": 0.3, "layers": 2},
        {"cell": "gru", "dropout": 0.0, "direction": "causal"},
        {"cell": "rnn", "tokenizer": "character", "fragment_share": 0.0},
        {"cell": "mlp", "dropout": 0.2, "fragment_share": 1.0},
        {"cell": "gru", "steps": None, "epochs": 2.0},
        {"cell": "lstm", "recall_steps": 5},
    ],
    ids=["lstm with dropout", "causal gru", "streams of characters", "fragments alone", "in epochs", "recalling"],
)
def test_a_run_stopped_and_resumed_ends_in_the_same_weights(new_trainer: NewTrainer, changed: dict[str, Any]) -> None:
    straight = new_trainer(**changed)
    assert straight.run(nothing)

    stopped = new_trainer(**changed)
    assert not stopped.run(stop_at(3))
    assert stopped.n_steps == 3
    torch.manual_seed(999)  # whatever else the new process did
    resumed = new_trainer(**changed)
    resumed.resume()
    assert resumed.n_steps == 3
    assert resumed.run(nothing)
    assert_same_run(straight, resumed)


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(new_trainer: NewTrainer) -> None:
    straight = new_trainer(dropout=0.3)
    straight.run(nothing)

    def killed(trainer: Trainer) -> None:
        if trainer.n_steps == 4:
            trainer.config = replace(trainer.config, checkpoint_minutes=1e6)  # none is written after this one
        if trainer.n_steps == 6:
            raise KeyboardInterrupt

    victim = new_trainer(dropout=0.3, checkpoint_minutes=0.0)
    with pytest.raises(KeyboardInterrupt):
        victim.run(killed)
    resumed = new_trainer(dropout=0.3)
    resumed.resume()
    assert resumed.n_steps == 4
    resumed.run(nothing)
    assert_same_run(straight, resumed)


def test_the_history_and_the_time_go_on_too(new_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY_STEPS", 2)
    stopped = new_trainer()
    stopped.run(stop_at(4))
    resumed = new_trainer()
    resumed.resume()
    assert resumed.history == stopped.history
    assert resumed.elapsed_seconds == stopped.elapsed_seconds > 0
    resumed.run(nothing)
    assert [row["step"] for row in resumed.history] == [2, 4, 6, 8, 8]  # and the validation at the end


def test_other_settings_are_refused_on_resume_each_named_with_both_values(new_trainer: NewTrainer) -> None:
    new_trainer().run(nothing)
    with pytest.raises(CheckpointError) as caught:
        new_trainer(hidden=17, dropout=0.5).resume()
    message = str(caught.value)
    assert "was made with other settings: dropout was 0.1, now 0.5, hidden was 16, now 17." in message
    assert "checkpoint.safetensors" in message


def test_how_long_how_often_and_how_fast_may_change_on_resume(new_trainer: NewTrainer) -> None:
    new_trainer().run(nothing)
    longer = new_trainer(steps=10, checkpoint_minutes=9.0, validate_every_steps=3, learning_rate=0.001)
    longer.resume()
    assert longer.run(nothing)
    assert longer.n_steps == 10
    assert longer.history[-2]["learning_rate"] < 0.001  # the new rate's schedule, near its end


def test_resuming_without_a_checkpoint_is_told_in_a_sentence(new_trainer: NewTrainer) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*; train without --resume first"):
        new_trainer().resume()


@pytest.mark.parametrize(
    ("what", "now"),
    [
        ("training texts", {"texts": [LONG[0], TOY[0]]}),
        ("validation texts", {"held_out": TOY[:4]}),
        ("validation texts", {"held_out": None, "validation_share": 0.2}),
    ],
)
def test_other_texts_than_the_checkpoint_s_are_refused(new_trainer: NewTrainer, what: str, now: dict[str, Any]) -> None:
    first = new_trainer(validation_share=0.2)
    first.run(nothing)
    whole = first.checkpoint_path.read_bytes()
    with pytest.raises(CheckpointError, match=rf"was made with another {what} than now. Give the same texts"):
        new_trainer(**({"validation_share": 0.2} | now)).resume()
    assert first.checkpoint_path.read_bytes() == whole


def test_a_damaged_checkpoint_is_gone_on_from_the_one_before(
    new_trainer: NewTrainer, caplog: pytest.LogCaptureFixture
) -> None:
    straight = new_trainer(dropout=0.3)
    straight.run(nothing)
    new_trainer(dropout=0.3, checkpoint_minutes=0.0).run(nothing)  # steps 1 to 8; two checkpoints remain
    path = straight.checkpoint_path
    path.write_bytes(path.read_bytes()[:-1])
    resumed = new_trainer(dropout=0.3)
    resumed.resume()
    assert "is damaged" in caplog.text
    resumed.run(nothing)
    assert_same_run(straight, resumed)


def test_weights_that_are_no_numbers_are_not_saved_over_those_that_were(new_trainer: NewTrainer) -> None:
    trainer = new_trainer()
    trainer.step()
    trainer.save()
    whole = trainer.checkpoint_path.read_bytes()
    trainer.step()
    with torch.no_grad():
        trainer.network.output_bias[3] = torch.inf
    with pytest.raises(DivergedError, match=r"network.output.bias held no .* after step 1: .*of step 1:"):
        trainer.save()
    assert trainer.checkpoint_path.read_bytes() == whole


def test_a_resumed_run_that_was_finished_stays_as_it_is(new_trainer: NewTrainer) -> None:
    finished = new_trainer()
    finished.run(nothing)
    again = new_trainer()
    again.resume()
    assert again.run(nothing)
    assert_same_run(finished, again)
