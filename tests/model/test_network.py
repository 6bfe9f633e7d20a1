"""The trainer's face against the equations: states, log-probabilities and gradients; initial weights; names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.cells import CELL_TYPES, Array
from model.config import CELLS, DIRECTIONS, NetworkConfig
from model.network import Network, TorchState
from model.structure import RecurrentNetwork, n_weights, weight_shapes
from tests.tiny import tiny_weights

EXACT = 1e-12  # both faces in float64, values below 10: only the order of the sums differs
LOG_PROBABILITY = 5e-6  # the trainer takes the softmax in float32, whose logits here stay below 20
LENGTHS = (6, 4, 1)


def _config(cell: str, direction: str = "bidirectional", n_layers: int = 2) -> NetworkConfig:
    return NetworkConfig(
        n_layers=n_layers, direction=direction, hidden_size=4, embedding_size=3, vocabulary_size=11, cell=cell
    )


def _double(weights: dict[str, Array]) -> dict[str, Array]:
    return {name: value.astype(np.float64) for name, value in weights.items()}


def _both_faces(config: NetworkConfig, seed: int = 1) -> tuple[Network, RecurrentNetwork]:
    weights = tiny_weights(config, seed)
    network = Network(config).double()
    network.load_weights(weights)
    return network, RecurrentNetwork(config, _double(weights))


def _ids(seed: int = 2) -> Array:
    """(B, T) with padding after each row's length."""
    ids = np.random.default_rng(seed).integers(4, 11, (len(LENGTHS), max(LENGTHS)))
    for row, length in zip(ids, LENGTHS, strict=True):
        row[length:] = 0
    return ids


def _carried(config: NetworkConfig, seed: int = 3) -> list[tuple[Array, ...]]:
    random = np.random.default_rng(seed)
    shape = (len(LENGTHS), config.hidden_size)
    parts = CELL_TYPES[config.cell].n_states
    return [tuple(random.uniform(-1, 1, shape) for _ in range(parts)) for _ in range(config.n_layers)]


def _torch(state: list[tuple[Array, ...]]) -> TorchState:
    return [tuple(torch.from_numpy(part) for part in layer) for layer in state]


structures = pytest.mark.parametrize(
    ("direction", "n_layers"), [("causal", 1), ("causal", 3), ("bidirectional", 1), ("bidirectional", 3)]
)
cells = pytest.mark.parametrize("cell", CELLS)


@cells
@structures
@pytest.mark.parametrize("carried", [False, True], ids=["fresh", "carried"])
def test_hidden_states_of_every_layer_equal_the_equations(
    cell: str, direction: str, n_layers: int, carried: bool
) -> None:
    config = _config(cell, direction, n_layers)
    network, equations = _both_faces(config)
    ids, state = _ids(), _carried(config) if carried else None
    for stack in config.directions:
        expected, _ = equations.read(stack, ids, LENGTHS, state)
        hidden, _ = network.read(stack, torch.from_numpy(ids.T), None if state is None else _torch(state))
        assert len(hidden) == n_layers
        for layer in range(n_layers):
            for row, length in enumerate(LENGTHS):
                got = hidden[layer][:length, row].detach().numpy()
                np.testing.assert_allclose(got, expected[layer, row, :length], atol=EXACT)


@cells
@structures
def test_the_state_after_every_token_equals_the_equations_in_all_its_parts(
    cell: str, direction: str, n_layers: int
) -> None:
    config = _config(cell, direction, n_layers)
    network, equations = _both_faces(config)
    ids, state = _ids(), _carried(config)
    for stack in config.directions:
        for time in range(1, ids.shape[1] + 1):
            _, expected = equations.read(stack, ids[:, :time], None, state)
            _, final = network.read(stack, torch.from_numpy(ids[:, :time].T), _torch(state))
            for layer in range(n_layers):
                assert len(final[layer]) == len(expected[layer]) == (2 if cell == "lstm" else 1)
                for got, part in zip(final[layer], expected[layer], strict=True):
                    np.testing.assert_allclose(got.detach().numpy(), part, atol=EXACT)


@cells
@structures
def test_log_probabilities_equal_the_equations(cell: str, direction: str, n_layers: int) -> None:
    config = _config(cell, direction, n_layers)
    network, equations = _both_faces(config)
    ids = _ids()
    for sides in range(1, len(config.directions) + 1):
        stacks = config.directions[:sides]
        expected = [equations.read(stack, ids)[0][-1].reshape(-1, 4) for stack in stacks]
        got = [network.read(stack, torch.from_numpy(ids.T))[0][-1] for stack in stacks]
        flat = [hidden.transpose(0, 1).reshape(-1, 4) for hidden in got]
        log_probabilities = network.log_probabilities(network.readout(*flat)).detach().numpy()
        np.testing.assert_allclose(log_probabilities, equations.readout(*expected), atol=LOG_PROBABILITY)
        np.testing.assert_allclose(np.exp(log_probabilities).sum(axis=1), 1, atol=1e-6)


@cells
def test_float32_as_it_is_trained_stays_near_the_equations(cell: str) -> None:
    config = _config(cell, n_layers=3)
    network, equations = Network(config), _both_faces(config)[1]
    network.load_weights(tiny_weights(config, seed=1))
    ids = _ids()
    for stack in config.directions:
        got = network.read(stack, torch.from_numpy(ids.T))[0][-1].detach().numpy()
        expected = equations.read(stack, ids)[0][-1].swapaxes(0, 1)
        np.testing.assert_allclose(got, expected, atol=1e-5)  # float32 has 7 digits, and 6 x 3 steps add up


@cells
def test_neither_what_follows_a_row_s_end_nor_other_rows_change_its_states(cell: str) -> None:
    network, _ = _both_faces(_config(cell))
    ids = _ids()
    changed = ids.copy()
    changed[1, LENGTHS[1] :] = 9
    changed[2] = 5
    before, after = (network.read("forward", torch.from_numpy(each.T))[0][-1] for each in (ids, changed))
    np.testing.assert_allclose(after[: LENGTHS[1], :2].detach(), before[: LENGTHS[1], :2].detach(), atol=EXACT)
    assert not torch.equal(before[: LENGTHS[2], 2], after[: LENGTHS[2], 2])


@cells
def test_gradients_equal_finite_differences_of_the_equations(cell: str) -> None:
    """d sum log P(piece) / d weight, at four weights of every tensor; the forward state is a carried one.

    The piece at each place is predicted from the forward state before it and the backward state after it.
    """
    config = _config(cell)
    network, equations = _both_faces(config)
    ids = np.array([[4, 7, 9, 5, 10], [8, 8, 4, 6, 7]])
    state = [tuple(part[:2] for part in layer) for layer in _carried(config)]
    rows, times = np.array([0, 0, 1, 1]), np.array([1, 3, 2, 3])

    def log_probability(weights: dict[str, Array]) -> float:
        face = RecurrentNetwork(config, weights)
        forward = face.read("forward", ids, None, state)[0][-1]
        backward = face.read("backward", ids[:, ::-1])[0][-1]
        table = face.readout(forward[rows, times - 1], backward[rows, ids.shape[1] - 2 - times])
        return float(table[np.arange(4), ids[rows, times]].sum())

    forward = network.read("forward", torch.from_numpy(ids.T), _torch(state))[0][-1]
    backward = network.read("backward", torch.from_numpy(ids[:, ::-1].T.copy()))[0][-1]
    readout = network.readout(forward[times - 1, rows], backward[ids.shape[1] - 2 - times, rows])
    table = network.log_probabilities(readout)
    table[torch.arange(4), torch.from_numpy(ids[rows, times])].sum().backward()

    random = np.random.default_rng(4)
    weights = dict(equations.weights)
    step = 1e-5
    for name, parameter in network.named_weights().items():
        assert parameter.grad is not None, name
        used = np.flatnonzero(parameter.grad.abs().numpy() > 1e-9)  # a state that is not read leaves zeros behind
        chosen = random.choice(used, 4, replace=False) if len(used) >= 4 else used
        assert len(chosen) >= 3, name
        for index in chosen:
            around = []
            for sign in (1, -1):
                moved = weights[name].copy()
                moved.flat[index] += sign * step
                around.append(log_probability(weights | {name: moved}))
            slope = (around[0] - around[1]) / (2 * step)
            got = float(parameter.grad.flatten()[index])
            assert got == pytest.approx(slope, rel=1e-4, abs=1e-6), (name, index)  # float32 softmax


@cells
def test_a_weight_that_nothing_reads_has_no_gradient(cell: str) -> None:
    config = _config(cell)
    network, _ = _both_faces(config)
    hidden, _ = network.read("forward", torch.from_numpy(_ids().T))
    network.log_probabilities(network.readout(hidden[-1][0])).sum().backward()
    named = network.named_weights()
    assert named["layer0.backward.input_weight"].grad is None
    assert named["output.backward.weight"].grad is None
    assert named["layer0.forward.input_weight"].grad is not None


@cells
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_parameter_has_one_name_in_the_bundle_s_order(cell: str, direction: str) -> None:
    config = _config(cell, direction, 3)
    network = Network(config)
    named = network.named_weights()
    shapes = weight_shapes(config)
    assert list(named) == list(shapes)
    assert {name: tuple(parameter.shape) for name, parameter in named.items()} == shapes
    assert {id(parameter) for parameter in named.values()} == {id(parameter) for parameter in network.parameters()}
    assert sum(parameter.numel() for parameter in network.parameters()) == n_weights(config)


@cells
def test_weights_come_out_as_they_went_in(cell: str) -> None:
    config = _config(cell)
    weights = tiny_weights(config, seed=8)
    network = Network(config)
    network.load_weights(weights)
    out = network.weights()
    assert list(out) == list(weights)
    for name, value in weights.items():
        assert out[name].dtype == np.float32
        np.testing.assert_array_equal(out[name], value)
    out["embedding"][:] = 0  # a copy
    np.testing.assert_array_equal(network.weights()["embedding"], weights["embedding"])


def test_an_lstm_starts_with_its_forget_gates_open_at_one_and_no_other_bias() -> None:
    config = _config("lstm")
    weights = Network(config).weights()
    hidden = config.hidden_size
    for layer in range(2):
        for direction in config.directions:
            prefix = f"layer{layer}.{direction}."
            expected = np.zeros(4 * hidden)
            expected[hidden : 2 * hidden] = 1  # i f g o
            np.testing.assert_array_equal(weights[prefix + "input_bias"], expected)
            np.testing.assert_array_equal(weights[prefix + "recurrent_bias"], np.zeros(4 * hidden))


@pytest.mark.parametrize("cell", ["mlp", "rnn", "gru"])
def test_other_cells_start_without_bias(cell: str) -> None:
    for name, value in Network(_config(cell)).weights().items():
        if "bias" in name:
            np.testing.assert_array_equal(value, 0)


@pytest.mark.parametrize(("cell", "scale"), [("rnn", 0.9), ("gru", 1.0), ("lstm", 1.0)])
def test_each_gate_s_recurrent_weights_start_orthogonal_and_an_rnn_s_contract(cell: str, scale: float) -> None:
    config = _config(cell)
    weights = Network(config).weights()
    for name in (name for name in weights if name.endswith("recurrent_weight")):
        for gate in np.split(weights[name], CELL_TYPES[cell].n_gates):
            np.testing.assert_allclose(gate @ gate.T, scale**2 * np.eye(config.hidden_size), atol=1e-5)


@pytest.mark.parametrize("cell", ["mlp", "gru"])
def test_input_weights_start_uniform_within_one_over_the_root_of_their_inputs(cell: str) -> None:
    config = NetworkConfig(
        n_layers=2, direction="causal", hidden_size=50, embedding_size=20, vocabulary_size=11, cell=cell
    )
    weights = Network(config).weights()
    for layer, inputs in ((0, 20), (1, 50)):
        values = weights[f"layer{layer}.forward.input_weight"]
        assert np.abs(values).max() <= inputs**-0.5 + 1e-6
        assert values.std() == pytest.approx(inputs**-0.5 / 3**0.5, rel=0.05)


def test_an_lstm_starts_with_wider_inputs_so_that_a_token_shows_through_its_half_open_gates() -> None:
    config = NetworkConfig(2, "bidirectional", hidden_size=64, embedding_size=64, vocabulary_size=300)
    weights = Network(config).weights()
    for direction in config.directions:
        assert weights[f"layer0.{direction}.input_weight"].std() == pytest.approx(0.5, rel=0.05)  # 16,384 draws
        assert weights[f"layer1.{direction}.input_weight"].std() == pytest.approx(0.25, rel=0.05)


def test_a_plain_rnn_s_lowest_inputs_are_wider_so_that_the_latest_token_stands_out() -> None:
    config = NetworkConfig(2, "causal", hidden_size=64, embedding_size=64, vocabulary_size=300, cell="rnn")
    weights = Network(config).weights()
    assert weights["layer0.forward.input_weight"].std() == pytest.approx(0.5, rel=0.05)  # 4,096 draws
    assert weights["layer1.forward.input_weight"].std() == pytest.approx(1 / 8 / 3**0.5, rel=0.05)


def test_the_same_seed_gives_the_same_initial_weights() -> None:
    def initial(seed: int) -> dict[str, Array]:
        torch.manual_seed(seed)
        return Network(_config("gru")).weights()

    first, again, other = initial(1), initial(1), initial(2)
    assert all((first[name] == again[name]).all() for name in first)
    assert not (first["embedding"] == other["embedding"]).any()


@cells
def test_nothing_read_yet_is_a_state_of_zeros(cell: str) -> None:
    state = Network(_config(cell, n_layers=3)).initial_state(5)
    assert [len(layer) for layer in state] == [2 if cell == "lstm" else 1] * 3
    assert all(part.shape == (5, 4) and not part.any() for layer in state for part in layer)
    assert state[0][0].data_ptr() != state[1][0].data_ptr()


@cells
def test_dropout_acts_in_training_alone(cell: str) -> None:
    config = _config(cell)
    network = Network(config, dropout=0.5)
    network.load_weights(tiny_weights(config))
    plain = Network(config)
    plain.load_weights(tiny_weights(config))
    ids = torch.from_numpy(_ids().T)

    def answer(face: Network) -> torch.Tensor:
        hidden, _ = face.read("forward", ids)
        return face.log_probabilities(face.readout(hidden[-1][-1]))

    torch.manual_seed(0)
    assert not torch.equal(answer(network), answer(network))
    assert torch.equal(answer(network.eval()), answer(plain))
