"""The objective: states by place, and each term against the equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.cells import Array
from model.config import CELLS
from model.network import Network, TorchState
from model.structure import RecurrentNetwork
from model.tokenizer import KINDS
from tests.tiny import SENTENCES, chosen, tiny_config, tiny_contrasts, tiny_tokenizer, tiny_weights
from training.batches import Batch, collate
from training.objective import HiddenStates, Losses, Objective, _choice_nats, from_the_end
from training.places import Asked, PlaceFinder, Places


def test_a_network_is_measured_in_the_precision_of_its_weights() -> None:
    network, batch, tokenizer = _network().float(), _batch(), tiny_tokenizer()
    network.dropout.p = 0.0

    def left(products: torch.dtype | None, training: bool) -> float:
        network.train(training)
        objective = Objective(network, tokenizer.continues, products)
        states = HiddenStates(network, batch, network.initial_state(len(batch.ids)))
        value = objective.losses(states, _asked(batch)).left
        assert value is not None
        return value.item()

    exact = left(None, training=True)
    assert left(torch.bfloat16, training=False) == exact
    assert left(torch.bfloat16, training=True) == pytest.approx(exact, rel=2e-3)
    assert left(torch.bfloat16, training=True) != exact


def _network(cell: str = "lstm", direction: str = "bidirectional", kind: str = "subword") -> Network:
    """Float64, with random weights, and its dropout off."""
    config = tiny_config(cell, direction, kind)
    network = Network(config, dropout=0.3).double().eval()
    network.load_weights(tiny_weights(config, seed=5))
    return network


def _batch(kind: str = "subword") -> Batch:
    """Three whole texts of different lengths, and as the last and longest row a stream's window that goes on."""
    tokenizer = tiny_tokenizer(kind)
    rows = [np.array([2, *tokenizer.encode_ids(text), 3]) for text in SENTENCES[1:4]]
    rows.append(
        np.array(
            tokenizer.encode_ids(
                "told him that he had seen her in the old house and that the book was hers, and she was"
            )
        )
    )
    return collate(rows, [True] * 3 + [False], [True] * 3 + [False])


def _asked(batch: Batch, kind: str = "subword", *, bidirectional: bool = True, share: float = 1.0) -> Asked:
    tokenizer = tiny_tokenizer(kind)
    finder = PlaceFinder(
        tokenizer,
        tiny_contrasts(kind),
        bidirectional=bidirectional,
        least_right_context=5 if kind == "character" else 2,  # the last pronoun of the window has less after it
        language_model_share=share,
    )
    return finder.find(batch, np.random.default_rng(0))


def _carried(network: Network, batch: Batch) -> TorchState:
    """A state that only rows that are not fresh carry."""
    random = torch.Generator().manual_seed(9)
    carries = torch.from_numpy(~batch.fresh)[:, None]
    return [
        tuple((2 * torch.rand(part.shape, generator=random, dtype=part.dtype) - 1) * carries for part in layer)
        for layer in network.initial_state(len(batch.ids))
    ]


class RowByRow:
    """The same batch by the equations: each row read alone, its length and no further."""

    def __init__(self, network: Network, batch: Batch, state: TorchState) -> None:
        weights = {name: value.astype(np.float64) for name, value in network.weights().items()}
        self.equations = RecurrentNetwork(network.config, weights)
        self.before: list[Array] = []  # of each row (time, H): the forward state before each place
        self.after: list[Array] = []  # of each row (k, H): the backward state that has read the last k tokens
        nothing = np.zeros((1, network.config.hidden_size))
        for row, length in enumerate(batch.lengths):
            ids = batch.ids[row : row + 1, :length]
            carried = [tuple(part[row : row + 1].numpy() for part in layer) for layer in state]
            forward = self.equations.read("forward", ids, None, carried)[0][-1][0]
            self.before.append(np.concatenate([carried[-1][0], forward]))
            if "backward" in network.config.directions:
                backward = self.equations.read("backward", ids[:, ::-1])[0][-1][0]
                self.after.append(np.concatenate([nothing, backward])[::-1])

    def states(self, places: Places) -> tuple[Array, Array]:
        """(N, H) each: the forward states before the places, the backward states after their words."""
        forward = [self.before[row][time] for row, time in zip(places.row, places.time, strict=True)]
        backward = [self.after[row][after] for row, after in zip(places.row, places.after, strict=True)]
        return np.array(forward), np.array(backward)

    def log_probabilities(self, places: Places, *, both_sides: bool) -> Array:
        forward, backward = self.states(places)
        return self.equations.readout(forward, backward if both_sides else None)


@pytest.mark.parametrize("cell", CELLS)
def test_states_at_a_place_equal_each_row_read_alone_by_the_equations(cell: str) -> None:
    network, batch = _network(cell), _batch()
    state = _carried(network, batch)
    assert all(bool(part[-1].any()) and not part[:-1].any() for layer in state for part in layer)
    states = HiddenStates(network, batch, state)
    row, time = np.nonzero(np.arange(batch.ids.shape[1]) < batch.lengths[:, None])
    places = Places(row, time, np.minimum(time + 1 + time % 3, batch.lengths[row]))
    forward, backward = RowByRow(network, batch, state).states(places)
    np.testing.assert_allclose(states.forward_at(places).detach().numpy(), forward, atol=1e-12)
    np.testing.assert_allclose(states.backward_at(places).detach().numpy(), backward, atol=1e-12)


def test_every_piece_of_a_word_sees_the_state_of_what_follows_the_word() -> None:
    network, tokenizer = _network(), tiny_tokenizer()
    batch = collate([np.array([2, *tokenizer.encode_ids("Mary hurt herself."), 3])], [True], [True])
    asked = _asked(batch)  # <s> ▁Mary ▁h u rt ▁herself . </s>
    word = chosen(asked.both, (asked.both.time >= 2) & (asked.both.time <= 4))
    states = HiddenStates(network, batch, network.initial_state(1))
    rest = torch.tensor([[3], *[[i] for i in tokenizer.encode_ids("herself.")[::-1]]])
    expected = network.read("backward", rest)[0][-1][-1, 0]
    for got in states.backward_at(word):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


def test_the_state_that_streams_carry_is_the_one_after_their_window() -> None:
    network, batch = _network("gru"), _batch()
    state = _carried(network, batch)
    states = HiddenStates(network, batch, state)
    row = len(batch.ids) - 1
    assert batch.lengths[row] == batch.ids.shape[1]  # the longest row, so that no padding comes after it
    alone = [tuple(part[row : row + 1] for part in layer) for layer in state]
    _, final = network.read("forward", torch.from_numpy(batch.ids[row:].T), alone)
    for got, wanted in zip(states.final_state, final, strict=True):
        torch.testing.assert_close(got[0][row], wanted[0][0], rtol=0, atol=1e-12)


def test_rows_are_read_from_their_own_end() -> None:
    ids = np.array([[5, 6, 7, 8], [9, 4, 0, 0]])
    assert from_the_end(ids, np.array([4, 2])).tolist() == [[8, 7, 6, 5], [4, 9, 0, 0]]


def _losses(
    network: Network, batch: Batch, asked: Asked, kind: str = "subword", state: TorchState | None = None
) -> Losses:
    tokenizer = tiny_tokenizer(kind)
    objective = Objective(network, tokenizer.continues)
    return objective.losses(HiddenStates(network, batch, state or _carried(network, batch)), asked)


@pytest.mark.parametrize(
    ("cell", "kind"), [(cell, "subword") for cell in CELLS] + [("gru", kind) for kind in KINDS[1:]]
)
def test_every_term_equals_the_equations_place_by_place(cell: str, kind: str) -> None:
    network, batch, tokenizer = _network(cell, kind=kind), _batch(kind), tiny_tokenizer(kind)
    asked = _asked(batch, kind)
    reference = RowByRow(network, batch, _carried(network, batch))

    left = reference.log_probabilities(asked.left, both_sides=False)
    left_nats = -left[np.arange(len(left)), asked.left_target].mean()
    both = reference.log_probabilities(asked.both, both_sides=True)
    chosen = both[np.arange(len(both)), np.maximum(asked.both_target, 0)]
    ends = ~(tokenizer.is_word & ~tokenizer.is_marked)  # whatever does not go on with the word
    ended = np.log(np.exp(both[:, ends]).sum(axis=1))
    both_nats = -np.where(asked.both_target < 0, ended, chosen).mean()

    def contrast(table: Array) -> Array:
        n = np.arange(len(table))
        others = np.column_stack([asked.contrast_wrong, asked.contrast_rivals])
        exponents = table[n[:, None], others] - table[n, asked.contrast_right][:, None]
        return np.log1p(np.where(others < 0, 0, np.exp(exponents)).sum(axis=1))

    contrast_left = contrast(reference.log_probabilities(asked.contrast, both_sides=False)).mean()
    contrast_both = contrast(reference.log_probabilities(asked.contrast, both_sides=True))[asked.contrast_seen].mean()
    assert asked.contrast_seen.any()
    assert not asked.contrast_seen.all()
    assert (asked.both_target < 0).any() == (kind != "word")

    losses = _losses(network, batch, asked, kind)
    got = [losses.left, losses.both, losses.contrast_left, losses.contrast_both]
    for value, expected in zip(got, (left_nats, both_nats, contrast_left, contrast_both), strict=True):
        assert value is not None
        assert value.item() == pytest.approx(expected, rel=1e-5)  # the softmax is float32


@pytest.mark.parametrize("cell", CELLS)
def test_margins_are_differences_of_log_probabilities(cell: str) -> None:
    network, batch, tokenizer = _network(cell), _batch(), tiny_tokenizer()
    asked = _asked(batch)
    states = HiddenStates(network, batch, _carried(network, batch))
    left, both = Objective(network, tokenizer.continues).margins(states, asked)
    forward, backward = states.forward_at(asked.contrast), states.backward_at(asked.contrast)
    n = torch.arange(len(asked.contrast))
    right, wrong = torch.from_numpy(asked.contrast_right), torch.from_numpy(asked.contrast_wrong)
    for margin, readout in ((left, network.readout(forward)), (both, network.readout(forward, backward))):
        table = network.log_probabilities(readout)
        assert margin is not None
        torch.testing.assert_close(margin, (table[n, right] - table[n, wrong]).double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_and_other_rows_do_not_change_the_losses(cell: str) -> None:
    network, batch = _network(cell), _batch()
    rows = [row[:length] for row, length in zip(batch.ids, batch.lengths, strict=True)]
    longer = np.array([2, *[7] * 60, 3])
    wider = collate([*rows, longer], [*batch.fresh.tolist(), True], [*batch.ended.tolist(), True])
    asked = _asked(batch)
    nothing = network.initial_state(1)
    state = [
        tuple(torch.cat(parts) for parts in zip(layer, empty, strict=True))
        for layer, empty in zip(_carried(network, batch), nothing, strict=True)
    ]
    ours, theirs = _losses(network, batch, asked), _losses(network, wider, asked, state=state)
    for value, expected in zip(vars(theirs).values(), vars(ours).values(), strict=True):
        assert value.item() == pytest.approx(expected.item(), rel=1e-6)  # the softmax is float32


def test_a_causal_network_has_the_left_terms_alone() -> None:
    network, batch = _network(direction="causal"), _batch()
    losses = _losses(network, batch, _asked(batch, bidirectional=False))
    assert losses.both is None
    assert losses.contrast_both is None
    assert losses.left is not None
    assert losses.contrast_left is not None


def test_no_language_model_term_is_computed_when_it_is_not_wanted() -> None:
    network, batch, tokenizer = _network(), _batch(), tiny_tokenizer()
    objective = Objective(network, tokenizer.continues)
    states = HiddenStates(network, batch, _carried(network, batch))
    losses = objective.losses(states, _asked(batch), with_language_model=False)
    assert losses.left is None
    assert losses.both is None
    assert losses.contrast_both is not None


def test_a_weight_of_zero_switches_its_terms_off() -> None:
    losses = Losses(*(torch.tensor(value) for value in (1.0, 2.0, 4.0, 8.0)))
    assert float(losses.weighted(1, 1)) == 15
    assert float(losses.weighted(0.5, 2)) == 25.5
    assert float(losses.weighted(0, 3)) == 36
    assert float(losses.weighted(3, 0)) == 9
    unused = Losses(torch.tensor(torch.nan), None, torch.tensor(4.0), None)
    assert float(unused.weighted(0, 3)) == 12


def test_a_term_switched_off_leaves_no_gradient() -> None:
    network, batch = _network(), _batch()
    losses = _losses(network, batch, _asked(batch))
    losses.weighted(0, 1).backward()
    bias = network.output_bias.grad
    assert bias is not None
    asked = _asked(batch)
    pronouns = np.union1d(np.append(asked.contrast_right, asked.contrast_wrong), asked.contrast_rivals)
    pronouns = pronouns[pronouns >= 0]
    others = np.setdiff1d(np.arange(len(bias)), pronouns)
    assert not bias[others].any()
    assert bias[pronouns].any()


def test_a_batch_that_asks_nothing_has_a_loss_of_zero_and_nothing_to_learn() -> None:
    network, tokenizer = _network(), tiny_tokenizer()
    batch = collate([np.array([2, *tokenizer.encode_ids("the old house"), 3])], [True], [True])
    loss = _losses(network, batch, _asked(batch, share=0.0)).weighted(1, 1)
    assert float(loss) == 0
    assert not loss.requires_grad


def test_the_contrast_with_rivals_worked_out_by_hand() -> None:
    # Log-odds of the right one against its counterpart and against each rival; infinite where there is no such rival.
    margins = torch.tensor([[0.0, torch.inf, torch.inf], [1.0, 2.0, torch.inf], [0.0, 0.0, 0.0]])
    e = np.e
    expected = [np.log(2), np.log(1 + 1 / e + 1 / e**2), np.log(4)]
    np.testing.assert_allclose(_choice_nats(margins).numpy(), expected, rtol=1e-6)


def test_a_rival_takes_part_in_the_loss_and_not_in_the_margin() -> None:
    network, batch, tokenizer = _network(), _batch(), tiny_tokenizer()
    asked = _asked(batch)
    n = len(asked.contrast)
    rivals = np.full((n, 2), -1)
    alone, joined = replace(asked, contrast_rivals=rivals), replace(asked, contrast_rivals=rivals.copy())
    joined.contrast_rivals[:, 1] = tokenizer.encode_ids("Mary")[0]
    states = HiddenStates(network, batch, _carried(network, batch))
    objective = Objective(network, tokenizer.continues)
    without, with_rival = (objective.losses(states, one).contrast_left for one in (alone, joined))
    assert without is not None
    assert with_rival is not None
    assert with_rival.item() > without.item()
    for one, other in zip(objective.margins(states, alone), objective.margins(states, joined), strict=True):
        assert one is not None
        assert other is not None
        assert one.shape == (n,)
        torch.testing.assert_close(one, other, rtol=0, atol=0)
