"""The trainer: it learns the pronoun, the same from the same seed, and says so when it diverges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import tiny_shards, tiny_tokenizer
from tests.training.tiny_trainer import TOY, NewTrainer, assert_same_run, nothing
from training import loop
from training.batches import Batches
from training.errors import DivergedError
from training.loop import Trainer
from training.optimisation import learning_rate_factor
from training.pronouns import load_pairs
from training.validation import Validation


def test_the_same_seed_gives_the_same_run_and_another_seed_another(new_trainer: NewTrainer) -> None:
    runs = []
    for seed in (1, 1, 2):
        runs.append(new_trainer(seed=seed, dropout=0.3))
        runs[-1].run(nothing)
    assert_same_run(runs[0], runs[1])
    assert not torch.equal(runs[0].network.output_bias, runs[2].network.output_bias)


def test_a_run_that_diverges_says_where_and_leaves_its_checkpoint(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(checkpoint_minutes=0.0)
    before: dict[str, Any] = {}

    def poison(trainer: Trainer) -> None:
        if trainer.n_steps == 5:
            with torch.no_grad():
                trainer.network.projection_bias[0] = torch.nan
            before["file"] = trainer.checkpoint_path.read_bytes()
            before["weight"] = trainer.network.embedding.weight.detach().clone()

    with pytest.raises(DivergedError) as caught:
        trainer.run(poison)
    message = str(caught.value)
    assert "at step 5 (batch 5: stream 0 at token " in message
    assert " of text0, " in message
    assert ", 3 fragments, stories and excerpts drawn at random): the weights were not changed" in message
    assert f"The last good checkpoint is {trainer.checkpoint_path}, of step 5:" in message
    assert "with --resume and a smaller --learning-rate than 0.02" in message
    assert torch.equal(trainer.network.embedding.weight, before["weight"])
    assert trainer.checkpoint_path.read_bytes() == before["file"]
    slower = new_trainer(learning_rate=0.01)
    slower.resume()
    assert slower.run(nothing)


def test_a_run_that_diverges_before_its_first_checkpoint_names_none(new_trainer: NewTrainer) -> None:
    trainer = new_trainer()
    with torch.no_grad():
        trainer.network.projection_bias[0] = torch.nan
    with pytest.raises(DivergedError, match="No checkpoint was saved yet: train again with a smaller --learning-rate"):
        trainer.run(nothing)


def test_only_the_streams_that_went_wrong_are_named(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(rows=4, fragment_share=0.0, cell="lstm", contrast_weight=1.0)
    trainer.step()
    with torch.no_grad():
        trainer.carried[0][1][2] = torch.nan
    trainer.batches.carries[:] = True
    trainer._recent = []
    with pytest.raises(DivergedError, match=r"batch 1: stream 2 at token \d+ of text\d\): the weights"):
        trainer.step()


LEARNING = {
    "rows": 8,
    "fragment_share": 0.0,
    "learning_rate": 0.03,
    "dropout": 0.0,
    "contrast_weight": 2.0,
    "steps": 40,
}


def _whole_sentences(folder: Path, trainer: Trainer) -> Validation:
    """Every toy sentence once. The trainer's own sample is of fragments, in which the name may be missing."""
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(folder, TOY, tokenizer)
    batches = Batches(tokens, tokenizer, rows=1, bptt_steps=16, fragment_share=0.0, seed=0)
    batches.load_state_dict({"position": [0], "carries": [False], "n_batches": 0})
    return Validation(batches, trainer.finder, len(TOY))


@pytest.mark.parametrize(("cell", "direction"), [("lstm", "bidirectional"), ("gru", "causal")])
def test_the_pronoun_is_learnt_and_the_loss_goes_down(
    new_trainer: NewTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, direction: str
) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY_STEPS", 5)
    trainer = new_trainer(TOY * 20, cell=cell, direction=direction, **LEARNING)
    trainer.validation = _whole_sentences(tmp_path / "sentences", trainer)
    assert trainer.validate().margins["left"].balanced_accuracy(0) != 1
    assert trainer.run(nothing)
    untrained, first, last, final = (trainer.history[n] for n in (0, 1, -2, -1))
    for context in ("left", "both") if direction == "bidirectional" else ("left",):
        assert final[f"valid_he/she_{context}"] == 1.0
        assert last[f"train_{context}_nats"] < 0.75 * first[f"train_{context}_nats"]
        assert last[f"train_contrast_{context}_nats"] < 0.5 * first[f"train_contrast_{context}_nats"]
        assert final[f"valid_{context}_nats"] < 0.75 * untrained[f"valid_{context}_nats"]


def test_a_network_without_memory_stays_at_chance(new_trainer: NewTrainer, tmp_path: Path) -> None:
    trainer = new_trainer(TOY * 20, cell="mlp", **LEARNING)
    trainer.validation = _whole_sentences(tmp_path / "sentences", trainer)
    trainer.run(nothing)
    for context in ("left", "both"):  # the words beside the pronoun are the same for he and she
        assert trainer.history[-1][f"valid_he/she_{context}"] == 0.5


def test_a_stream_s_state_is_carried_as_if_it_were_read_in_one_go(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(
        rows=2, fragment_share=0.0, learning_rate=1e-9, dropout=0.0, cell="lstm", layers=2, precision="float32"
    )
    trainer.batches.load_state_dict({"position": [0, 200], "carries": [False, False], "n_batches": 0})
    for _ in range(4):
        trainer.step()
    ids = trainer.batches.tokens.read(0, 64)  # four windows of the first document
    assert (ids == 3).sum() == 0
    with torch.no_grad():
        _, final = trainer.network.read("forward", torch.from_numpy(ids)[:, None])
    for layer, expected in zip(trainer.carried, final, strict=True):
        for part, wanted in zip(layer, expected, strict=True):
            torch.testing.assert_close(part[0], wanted[0], rtol=0, atol=1e-5)  # float32; weights moved by 1e-9


def test_only_streams_that_go_on_start_from_a_carried_state(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(rows=5, fragment_share=0.4, cell="lstm")
    trainer.carried = [tuple(torch.ones(3, 16) for _ in range(2))]
    state = trainer._forward_state(np.array([False, True, False, True, True]))
    for part in state[0]:
        assert part.sum(dim=1).tolist() == [16, 0, 16, 0, 0]


def test_the_held_out_end_of_the_corpus_is_never_trained_on(new_trainer: NewTrainer) -> None:
    tokenizer = tiny_tokenizer("word")
    trainer = new_trainer(["he was late " * 60, "she said so " * 10], None, validation_share=32 / 214)
    assert trainer.n_corpus_tokens == 182  # the first document: <s>, 180 words, </s>
    said, late = (tokenizer.encode_ids(word)[0] for word in ("said", "late"))
    assert all((batch.ids == said).any() for batch, _ in trainer.validation.sample)
    assert not any((batch.ids == late).any() for batch, _ in trainer.validation.sample)
    for _ in range(40):
        assert not (trainer.batches.next().ids == said).any()


def test_a_batch_that_asks_nothing_changes_no_weight(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(["the old house"] * 20, language_model_weight=0.0, weight_decay=0.5)
    before = trainer.network.weights()
    assert trainer.run(nothing)
    assert trainer.n_steps == 8
    assert all((before[name] == weight).all() for name, weight in trainer.network.weights().items())


def test_the_weight_of_the_contrast_rises_to_its_whole(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(contrast_weight=2.0, contrast_warmup_steps=4)
    for weight in (0.5, 1.0, 1.5, 2.0, 2.0):
        trainer.step()
        terms = trainer._recent[-1]
        contrast = terms["contrast_left"] + terms["contrast_both"]
        assert terms["loss"] == pytest.approx(terms["left"] + terms["both"] + weight * contrast, rel=1e-5)


def test_the_contrast_alone_is_learnt_without_the_language_model(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(TOY * 20, language_model_weight=0.0, **LEARNING)
    trainer.run(nothing)
    assert trainer.history[-2]["train_contrast_left_nats"] < 0.5 * np.log(2)
    assert trainer.history[-2]["train_left_nats"] is None
    assert trainer.history[-1]["valid_left_nats"] is None
    weights = trainer.network.weights()
    words = {piece.strip("▁").lower() for piece in load_pairs().forms}
    others = [i for i, piece in enumerate(tiny_tokenizer("word").pieces) if piece.strip("▁").lower() not in words]
    assert not weights["output.bias"][others].any()  # pieces that are no pronoun were never predicted


def test_the_rate_follows_the_schedule(new_trainer: NewTrainer) -> None:
    trainer = new_trainer()
    seen = []
    trainer.run(lambda trainer: seen.append(trainer.optimiser.param_groups[0]["lr"]))
    expected = [0.02 * learning_rate_factor(step, 4, step / 8) for step in range(8)]
    assert seen == pytest.approx(expected)
    assert seen[:2] == pytest.approx([0.02 * 0.25, 0.02 * 0.5 * (0.02 + 0.98 * 0.9619397662556434)])


def test_progress_is_measured_by_what_ends_the_run(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(steps=8)
    trainer.n_steps = 2
    assert trainer.progress == 0.25
    trainer = new_trainer(steps=None, minutes=2.0)
    trainer.elapsed_seconds = 30
    assert trainer.progress == 0.25
    trainer = new_trainer(steps=None, epochs=2.0)
    trainer.n_tokens = trainer.n_corpus_tokens
    assert trainer.progress == 0.5


def test_every_step_is_told_and_the_log_holds_means(new_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY_STEPS", 4)
    trainer = new_trainer(validate_every_steps=6)
    steps, terms = [], []

    def listener(trainer: Trainer) -> None:
        steps.append(trainer.n_steps)
        terms.append(trainer._recent[-1]["left"] if trainer._recent else None)

    assert trainer.run(listener)
    assert steps == [1, 2, 3, 4, 5, 6, 7, 8]
    rows = [(row["step"], "train_left_nats" in row) for row in trainer.history]
    assert rows == [(4, True), (6, False), (8, True), (8, False)]  # false: a validation
    mean = trainer.history[2]["train_left_nats"]
    assert min(term for term in terms[4:7] if term) * 0.5 < mean < max(term for term in terms[4:7] if term) * 1.5
