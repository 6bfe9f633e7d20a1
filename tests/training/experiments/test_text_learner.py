"""The small language model: its loss worked out another way, its slices, and that the same seed learns the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.config import NetworkConfig
from model.structure import RecurrentNetwork
from tests.tiny import SENTENCES
from training.errors import ExperimentError
from training.experiments.learner import new_network
from training.experiments.text_learner import TextRecipe, learn_text, mean_nats, read_slice

CONFIG = NetworkConfig(1, "causal", 6, 5, 20, "gru")
TEXT = np.random.default_rng(1).integers(20, size=400)
RECIPE = TextRecipe(steps=20, rows=4, bptt_steps=8, looks=(0.1, 1.0))


def test_the_mean_loss_is_that_of_the_equations() -> None:
    network = new_network(CONFIG, "project", 1)
    rows = TEXT[:80].reshape(8, 10)
    equations = RecurrentNetwork(CONFIG, {n: w.astype(np.float64) for n, w in network.weights().items()})
    hidden, _ = equations.read("forward", rows[:, :-1])
    stated = equations.readout(hidden[-1].reshape(-1, 6)).reshape(8, 9, 20)
    right = np.take_along_axis(stated, rows[:, 1:, None], axis=2)
    assert mean_nats(network, TEXT[:80]) == pytest.approx(-right.mean(), abs=1e-5)  # float32


def test_a_text_that_repeats_itself_is_learnt_and_the_looks_count_tokens() -> None:
    text = np.tile(np.arange(5, 15), 40)
    looks = learn_text(CONFIG, text, text[:80], RECIPE, 0.05, seed=1)
    assert [look.n_tokens for look in looks] == [2 * 32, 20 * 32]
    assert looks[-1].nats < looks[0].nats - 0.5
    assert 0 < looks[0].seconds < looks[1].seconds


def test_the_same_seed_gives_the_same_losses_and_another_does_not() -> None:
    first, again, other = (learn_text(CONFIG, TEXT, TEXT[:80], RECIPE, 0.01, seed)[-1].nats for seed in (1, 1, 2))
    assert first == again != other


def test_a_slice_is_the_texts_beginning_in_three_parts(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n".join(SENTENCES * 30), encoding="utf-8")
    found = read_slice([str(tmp_path)], 1000, 200)
    assert [len(part) for part in (found.training, found.tuning, found.valid)] == [1000, 200, 200]
    longer = read_slice([str(tmp_path)], 1200, 100)  # as many words in all
    assert np.array_equal(longer.training[:1000], found.training)
    assert np.array_equal(longer.training[1000:1200], found.tuning)


def test_a_text_too_short_says_how_long_it_must_be(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    with pytest.raises(ExperimentError, match=r"words and marks; this experiment needs at least 2,000"):
        read_slice([str(tmp_path)], 1000, 500)


def test_without_texts_the_shipped_stories_are_read() -> None:
    found = read_slice([], 500, 100)
    assert len(found.training) == 500
    assert found.vocabulary_size > 100
