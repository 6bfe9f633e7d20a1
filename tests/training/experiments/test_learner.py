"""The small loop: it learns, the same seed learns the same, and rates are chosen by what they give."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.evaluation.metrics import accuracy
from training.experiments import rates
from training.experiments.learner import TORCH, Recipe, answered, learn, new_network, reference_config, tuned_on_stories
from training.experiments.small_stories import FORMS, memory_questions, vocabulary

CONFIG = reference_config(8)
SHORT = Recipe(steps=60, rows=16, warmup_steps=5, rates=(1e-6, 0.03))


def test_a_small_lstm_learns_who_was_named() -> None:
    network = learn(CONFIG, memory_questions("a", 200, (0, 2)), SHORT, 0.03, seed=1)
    assert accuracy(answered(network, memory_questions("b", 100, 2))) > 0.95


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    questions, recipe = memory_questions("a", 50, (0, 2)), Recipe(steps=3, rows=4)
    first, again, other = (learn(CONFIG, questions, recipe, 0.01, seed).weights() for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["embedding"], other["embedding"])


def test_a_margin_is_what_the_whole_vocabulary_gives_at_the_storys_own_end() -> None:
    network, questions = new_network(CONFIG, "project", 3), memory_questions("a", 5, (0, 6))
    for row, margin in enumerate(answered(network, questions)):
        ids = torch.from_numpy(questions.ids[row : row + 1, : questions.lengths[row]].T)
        with torch.no_grad():
            hidden, _ = network.read("forward", ids)
            stated = network.log_probabilities(network.readout(hidden[-1][-1]))[0]
        right, wrong = (stated[vocabulary()[FORMS[a]]] for a in (questions.answers[row], 1 - questions.answers[row]))
        assert margin == pytest.approx(float(right - wrong), abs=1e-5)  # float32


def test_the_rate_with_the_lowest_loss_on_held_out_stories_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_BEYOND", 0)
    chosen = tuned_on_stories(CONFIG, memory_questions("a", 200, (0, 2)), memory_questions("b", 50, (0, 2)), SHORT)
    assert chosen.rate == 0.03
    assert chosen.losses[0.03] < chosen.losses[1e-6] == pytest.approx(math.log(2), abs=0.1)


def test_torchs_initial_weights_are_uniform_and_leave_the_rest_alone() -> None:
    ours, theirs = (new_network(CONFIG, initial, 1).weights() for initial in ("project", TORCH))
    bound = 8**-0.5
    for name in ("input_weight", "recurrent_weight", "input_bias", "recurrent_bias"):
        values = theirs[f"layer0.forward.{name}"]
        assert np.abs(values).max() <= bound
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.2)
    assert np.array_equal(ours["embedding"], theirs["embedding"])
    assert (ours["layer0.forward.input_bias"][8:16] == 1).all()
