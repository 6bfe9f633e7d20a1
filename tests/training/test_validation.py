"""Validation: accuracies, temperatures and cross-entropies worked out by hand, over a sample that stays the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model.network import Network
from tests.tiny import SENTENCES, tiny_config, tiny_contrasts, tiny_shards, tiny_tokenizer, tiny_weights
from training.batches import Batches
from training.objective import HiddenStates, Objective
from training.places import PlaceFinder
from training.validation import Margins, Validation, ValidationResult

HE, SHE = 0, 1


def test_balanced_accuracy_is_the_mean_over_the_two_answers() -> None:
    margins = Margins([2.0, 1.0, -1.0, 0.5, 3.0, -4.0], [0] * 6, [HE, HE, HE, HE, SHE, SHE])
    assert margins.balanced_accuracy(0) == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_a_tie_counts_one_half() -> None:
    assert Margins([0.0, 1.0, -1.0, 0.0], [0] * 4, [HE, HE, SHE, SHE]).balanced_accuracy(0) == pytest.approx(0.5)
    assert Margins([0.0, 1.0], [0, 0], [HE, SHE]).balanced_accuracy(0) == pytest.approx((0.5 + 1) / 2)


def test_pairs_are_counted_apart() -> None:
    margins = Margins([1.0, 1.0, -1.0, -1.0], [0, 0, 1, 1], [HE, SHE, HE, SHE])
    assert margins.balanced_accuracy(0) == 1
    assert margins.balanced_accuracy(1) == 0


def test_there_is_no_accuracy_where_one_answer_never_occurs() -> None:
    assert Margins([1.0, 1.0], [0, 0], [HE, HE]).balanced_accuracy(0) is None
    assert Margins().balanced_accuracy(0) is None


@pytest.mark.parametrize(("margin", "right"), [(2.0, 0.75), (1.0, 0.9), (3.0, 0.95), (0.5, 0.6)])
def test_the_temperature_makes_probabilities_as_high_as_they_are_often_right(margin: float, right: float) -> None:
    n_right = round(right * 200)
    values = [margin] * n_right + [-margin] * (200 - n_right)
    found = Margins(values, [0] * 200, [HE, SHE] * 100).temperature(0)
    assert found is not None
    by_hand = margin / np.log(right / (1 - right))  # sigmoid(margin / T) = share that is right
    assert found == pytest.approx(by_hand, rel=0.012)  # the candidates lie 1.2 % apart


def test_the_temperature_stays_between_a_quarter_and_four() -> None:
    assert Margins([1.0] * 60, [0] * 60, [HE] * 60).temperature(0) == 0.25
    assert Margins([-1.0] * 60, [0] * 60, [HE] * 60).temperature(0) == 4.0


def test_a_temperature_needs_fifty_items_of_its_pair() -> None:
    margins = Margins([1.0, -1.0] * 49, [0, 1] * 49, [HE] * 98)
    assert margins.temperature(0) is None
    margins = Margins([1.0, -1.0] * 50, [0, 1] * 50, [HE] * 100)
    assert (margins.temperature(0), margins.temperature(1)) == (0.25, 4.0)


def test_the_history_has_a_figure_for_each_pair_and_context() -> None:
    left, both = Margins([1.0, 1.0], [0, 0], [HE, SHE]), Margins([1.0, -1.0], [0, 0], [HE, SHE])
    row = ValidationResult(3.5, None, {"left": left, "both": both}).to_json(["he/she", "him/her"])
    assert row == {
        "valid_left_nats": 3.5,
        "valid_both_nats": None,
        "valid_he/she_left": 1.0,
        "valid_him/her_left": None,
        "valid_he/she_both": 0.5,
        "valid_him/her_both": None,
    }


def _validation(folder: Path, direction: str, n_batches: int = 2) -> tuple[Validation, Objective]:
    tokenizer = tiny_tokenizer()
    tokens = tiny_shards(folder, ["\n".join(SENTENCES)], tokenizer)
    batches = Batches(tokens, tokenizer, rows=5, bptt_steps=24, fragment_share=0.4, seed=0)
    finder = PlaceFinder(
        tokenizer,
        tiny_contrasts(),
        bidirectional=direction == "bidirectional",
        least_right_context=3,
        language_model_share=0.5,
    )
    config = tiny_config("gru", direction)
    network = Network(config, dropout=0.5)
    network.load_weights(tiny_weights(config, seed=3))
    return Validation(batches, finder, n_batches), Objective(network, tokenizer.continues)


def test_nats_are_the_mean_over_all_places_of_all_batches(tmp_path: Path) -> None:
    validation, objective = _validation(tmp_path, "bidirectional")
    objective.network.eval()
    n_left, n_both = ([len(getattr(asked, context)) for _, asked in validation.sample] for context in ("left", "both"))
    assert n_left[0] != n_left[1]  # so that a mean of means would show
    sums = np.zeros(2)
    with torch.no_grad():
        for (batch, asked), left, both in zip(validation.sample, n_left, n_both, strict=True):
            states = HiddenStates(objective.network, batch, objective.network.initial_state(5))
            losses = objective.losses(states, asked)
            assert losses.left is not None
            assert losses.both is not None
            sums += losses.left.item() * left, losses.both.item() * both
    result = validation.measure(objective, language_model=True)
    assert result.left_nats == pytest.approx(sums[0] / sum(n_left), rel=1e-6)
    assert result.both_nats == pytest.approx(sums[1] / sum(n_both), rel=1e-6)


def test_margins_hold_every_pronoun_of_the_sample(tmp_path: Path) -> None:
    validation, objective = _validation(tmp_path, "bidirectional")
    margins = validation.measure(objective, language_model=True).margins
    answers = [answer for _, asked in validation.sample for answer in asked.contrast_answer.tolist()]
    seen = [one for _, asked in validation.sample for one in asked.contrast_answer[asked.contrast_seen].tolist()]
    assert margins["left"].answers == answers
    assert margins["both"].answers == seen
    assert len(seen) < len(answers)  # some stand too near their window's end
    assert len(margins["left"].values) == len(margins["left"].pairs) == len(answers) > 5


def test_measuring_twice_gives_the_same_and_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    validation, objective = _validation(tmp_path, "bidirectional")
    objective.network.train()
    random = torch.get_rng_state()
    first, second = (validation.measure(objective, language_model=True) for _ in range(2))
    assert first == second  # dropout is off meanwhile
    assert objective.network.training
    assert torch.equal(torch.get_rng_state(), random)  # a validation more or less does not change a run
    assert all(parameter.grad is None for parameter in objective.network.parameters())


def test_a_causal_network_has_figures_of_the_left_context_alone(tmp_path: Path) -> None:
    validation, objective = _validation(tmp_path, "causal")
    result = validation.measure(objective, language_model=True)
    assert list(result.margins) == ["left"]
    assert result.left_nats is not None
    assert result.both_nats is None


def test_without_the_language_model_there_are_margins_and_no_nats(tmp_path: Path) -> None:
    validation, objective = _validation(tmp_path, "bidirectional")
    result = validation.measure(objective, language_model=False)
    assert result.left_nats is None
    assert result.both_nats is None
    assert result.margins["both"].values
