"""The trainer: it learns the pronoun, goes on exactly where it stopped, and says so when it diverges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import SENTENCES, tiny_shards, tiny_tokenizer
from training import loop
from training.batches import Batches
from training.checkpoint import optimiser_tensors
from training.config import TrainingConfig
from training.errors import CheckpointError, DivergedError
from training.loop import Trainer
from training.optimisation import learning_rate_factor
from training.pronouns import load_pairs
from training.validation import Validation

TEMPLATES = (
    "{name} said that {pronoun} was tired.",
    "{name} was late because {pronoun} lost the book.",
    "The old man asked {name} when {pronoun} was leaving.",
    "{name} packed the bag, and {pronoun} opened the door.",
)
TOY = [
    template.format(name=name, pronoun=pronoun)
    for template in TEMPLATES
    for name, pronoun in (("Mary", "she"), ("Tom", "he"))
]
"""Eight documents of one sentence each, whose pronoun follows from the name before it."""
LONG = ["\n".join(SENTENCES), "\n".join(SENTENCES[::-1])]

SMALL = TrainingConfig(
    tokenizer="word",
    vocabulary=160,
    layers=1,
    hidden=16,
    embedding=12,
    rows=6,
    bptt_steps=16,
    least_right_context=3,
    language_model_share=0.5,
    learning_rate=0.02,
    warmup_steps=4,
    steps=8,
)


@pytest.fixture(autouse=True)
def one_thread_and_a_small_validation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sums are taken in the same order on every machine; a dozen texts are enough to validate on."""
    monkeypatch.setattr(loop, "VALIDATION_ROWS", 6)
    monkeypatch.setattr(loop, "VALIDATION_BATCHES", 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


NewTrainer = Callable[..., Trainer]


@pytest.fixture
def new_trainer(tmp_path: Path) -> NewTrainer:
    """A trainer with some settings changed; those of one test share a run's folder and the texts."""

    def new(texts: list[str] = LONG, held_out: list[str] | None = TOY, **changed: Any) -> Trainer:
        config = replace(SMALL, **changed)
        tokenizer = tiny_tokenizer(config.tokenizer)
        tokens = tiny_shards(tmp_path / "shards", texts, tokenizer)
        valid = None if held_out is None else tiny_shards(tmp_path / "valid-shards", held_out, tokenizer)
        return Trainer(config, tokenizer, tokens, valid, load_pairs(), tmp_path / "run")

    return new


def _nothing(trainer: Trainer) -> None:
    pass


def _stop_at(step: int) -> Callable[[Trainer], None]:
    def listener(trainer: Trainer) -> None:
        trainer.stop_requested = trainer.n_steps == step

    return listener


def _assert_same_run(ours: Trainer, theirs: Trainer) -> None:
    """Bit for bit: weights, optimiser, carried states, random numbers, places in the corpus."""
    assert (ours.n_steps, ours.n_tokens) == (theirs.n_steps, theirs.n_tokens)
    for name, weight in ours.network.named_weights().items():
        assert torch.equal(weight, theirs.network.named_weights()[name]), name
    averages, other = optimiser_tensors(ours.optimiser), optimiser_tensors(theirs.optimiser)
    assert averages.keys() == other.keys()
    assert all(torch.equal(averages[name], other[name]) for name in averages)
    for layer, its in zip(ours.carried, theirs.carried, strict=True):
        assert all(torch.equal(part, of_it) for part, of_it in zip(layer, its, strict=True))
    assert ours.batches.state_dict() == theirs.batches.state_dict()


@pytest.mark.parametrize(
    "changed",
    [
        {"cell": "lstm", "dropout": 0.3, "layers": 2},
        {"cell": "gru", "dropout": 0.0, "direction": "causal"},
        {"cell": "rnn", "tokenizer": "character", "fragment_share": 0.0},
        {"cell": "mlp", "dropout": 0.2, "fragment_share": 1.0},
        {"cell": "gru", "steps": None, "epochs": 2.0},
    ],
    ids=["lstm with dropout", "causal gru", "streams of characters", "fragments alone", "in epochs"],
)
def test_a_run_stopped_and_resumed_ends_in_the_same_weights(new_trainer: NewTrainer, changed: dict[str, Any]) -> None:
    straight = new_trainer(**changed)
    assert straight.run(_nothing)

    stopped = new_trainer(**changed)
    assert not stopped.run(_stop_at(3))
    assert stopped.n_steps == 3
    torch.manual_seed(999)  # whatever else the new process did
    resumed = new_trainer(**changed)
    resumed.resume()
    assert resumed.n_steps == 3
    assert resumed.run(_nothing)
    _assert_same_run(straight, resumed)


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(new_trainer: NewTrainer) -> None:
    straight = new_trainer(dropout=0.3)
    straight.run(_nothing)

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
    resumed.run(_nothing)
    _assert_same_run(straight, resumed)


def test_the_history_and_the_time_go_on_too(new_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY_STEPS", 2)
    stopped = new_trainer()
    stopped.run(_stop_at(4))
    resumed = new_trainer()
    resumed.resume()
    assert resumed.history == stopped.history
    assert resumed.elapsed_seconds == stopped.elapsed_seconds > 0
    resumed.run(_nothing)
    assert [row["step"] for row in resumed.history] == [2, 4, 6, 8, 8]  # and the validation at the end


def test_the_same_seed_gives_the_same_run_and_another_seed_another(new_trainer: NewTrainer) -> None:
    runs = []
    for seed in (1, 1, 2):
        runs.append(new_trainer(seed=seed, dropout=0.3))
        runs[-1].run(_nothing)
    _assert_same_run(runs[0], runs[1])
    assert not torch.equal(runs[0].network.output_bias, runs[2].network.output_bias)


def test_other_settings_are_refused_on_resume_each_named_with_both_values(new_trainer: NewTrainer) -> None:
    new_trainer().run(_nothing)
    with pytest.raises(CheckpointError) as caught:
        new_trainer(hidden=17, dropout=0.5).resume()
    message = str(caught.value)
    assert "was made with other settings: dropout was 0.1, now 0.5, hidden was 16, now 17." in message
    assert "checkpoint.safetensors" in message


def test_how_long_how_often_and_how_fast_may_change_on_resume(new_trainer: NewTrainer) -> None:
    new_trainer().run(_nothing)
    longer = new_trainer(steps=10, checkpoint_minutes=9.0, validate_every_steps=3, learning_rate=0.001)
    longer.resume()
    assert longer.run(_nothing)
    assert longer.n_steps == 10
    assert longer.history[-2]["learning_rate"] < 0.001  # the new rate's schedule, near its end


def test_resuming_without_a_checkpoint_is_told_in_a_sentence(new_trainer: NewTrainer) -> None:
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*; train without --resume first"):
        new_trainer().resume()


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
    assert ", 3 fragments and stories drawn at random): the weights were not changed" in message
    assert f"The last good checkpoint is {trainer.checkpoint_path}, of step 5:" in message
    assert "with --resume and a smaller --learning-rate than 0.02" in message
    assert torch.equal(trainer.network.embedding.weight, before["weight"])
    assert trainer.checkpoint_path.read_bytes() == before["file"]
    slower = new_trainer(learning_rate=0.01)
    slower.resume()
    assert slower.run(_nothing)


def test_a_run_that_diverges_before_its_first_checkpoint_names_none(new_trainer: NewTrainer) -> None:
    trainer = new_trainer()
    with torch.no_grad():
        trainer.network.projection_bias[0] = torch.nan
    with pytest.raises(DivergedError, match="No checkpoint was saved yet: train again with a smaller --learning-rate"):
        trainer.run(_nothing)


def test_only_the_streams_that_went_wrong_are_named(new_trainer: NewTrainer) -> None:
    trainer = new_trainer(rows=4, fragment_share=0.0, cell="lstm", contrast_weight=1.0)
    trainer.step()
    with torch.no_grad():
        trainer.carried[0][1][2] = torch.nan
    trainer.batches.carries[:] = True
    trainer._recent = []
    with pytest.raises(DivergedError, match=r"batch 1: stream 2 at token \d+ of text\d\): the weights"):
        trainer.step()


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
    first.run(_nothing)
    whole = first.checkpoint_path.read_bytes()
    with pytest.raises(CheckpointError, match=rf"was made with another {what} than now. Give the same texts"):
        new_trainer(**({"validation_share": 0.2} | now)).resume()
    assert first.checkpoint_path.read_bytes() == whole


def test_a_damaged_checkpoint_is_gone_on_from_the_one_before(
    new_trainer: NewTrainer, caplog: pytest.LogCaptureFixture
) -> None:
    straight = new_trainer(dropout=0.3)
    straight.run(_nothing)
    new_trainer(dropout=0.3, checkpoint_minutes=0.0).run(_nothing)  # steps 1 to 8; two checkpoints remain
    path = straight.checkpoint_path
    path.write_bytes(path.read_bytes()[:-1])
    resumed = new_trainer(dropout=0.3)
    resumed.resume()
    assert "is damaged" in caplog.text
    resumed.run(_nothing)
    _assert_same_run(straight, resumed)


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
    assert trainer.run(_nothing)
    untrained, first, last, final = (trainer.history[n] for n in (0, 1, -2, -1))
    for context in ("left", "both") if direction == "bidirectional" else ("left",):
        assert final[f"valid_he/she_{context}"] == 1.0
        assert last[f"train_{context}_nats"] < 0.75 * first[f"train_{context}_nats"]
        assert last[f"train_contrast_{context}_nats"] < 0.5 * first[f"train_contrast_{context}_nats"]
        assert final[f"valid_{context}_nats"] < 0.75 * untrained[f"valid_{context}_nats"]


def test_a_network_without_memory_stays_at_chance(new_trainer: NewTrainer, tmp_path: Path) -> None:
    trainer = new_trainer(TOY * 20, cell="mlp", **LEARNING)
    trainer.validation = _whole_sentences(tmp_path / "sentences", trainer)
    trainer.run(_nothing)
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
    assert trainer.run(_nothing)
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
    trainer.run(_nothing)
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


def test_a_resumed_run_that_was_finished_stays_as_it_is(new_trainer: NewTrainer) -> None:
    finished = new_trainer()
    finished.run(_nothing)
    again = new_trainer()
    again.resume()
    assert again.run(_nothing)
    _assert_same_run(finished, again)
