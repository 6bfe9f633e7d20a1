"""One step of each cell: numbers worked out by hand, the tutorial's identities, and what an observer may do."""

from __future__ import annotations

from math import exp, tanh

import numpy as np
import pytest

from model.cells import CELL_TYPES, Array, Cell, GRUCell, LSTMCell, MLPCell, RNNCell, sigmoid, unchanged
from model.config import NetworkConfig
from model.structure import weight_shapes

ROUNDING = 1e-15
"""Of one step in float64, where sums may be taken in another order."""


def sigma(x: float) -> float:
    return 1 / (1 + exp(-x))


def one_unit(*rows: tuple[float, float, float, float]) -> dict[str, Array]:
    """Weights of a cell of one unit with one input; each row of a gate is (W, b, U, d)."""
    w, b, u, d = (np.array(column) for column in zip(*rows, strict=True))
    return {"input_weight": w[:, None], "input_bias": b, "recurrent_weight": u[:, None], "recurrent_bias": d}


def random_weights(cell: str, hidden: int = 3, inputs: int = 2, seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    config = NetworkConfig(1, "causal", hidden, inputs, 5, cell)
    prefix = "layer0.forward."
    shapes = {name: shape for name, shape in weight_shapes(config).items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): random.standard_normal(shape) for name, shape in shapes.items()}


def test_one_step_of_an_mlp_cell_by_hand() -> None:
    cell = MLPCell({"input_weight": np.array([[0.5]]), "input_bias": np.array([0.1])})
    (h,) = cell.step(np.array([[2.0]]), (np.array([[0.9]]),))
    assert h[0, 0] == pytest.approx(tanh(0.5 * 2 + 0.1), abs=ROUNDING)  # the state 0.9 is not read


def test_two_steps_of_an_rnn_cell_by_hand() -> None:
    cell = RNNCell(one_unit((0.5, 0.1, -0.3, 0.2)))
    first = cell.step(np.array([[2.0]]), cell.initial_state(1))
    (second,) = cell.step(np.array([[-1.0]]), first)
    h1 = tanh(0.5 * 2 + 0.1 + 0.2)
    assert first[0][0, 0] == pytest.approx(h1, abs=ROUNDING)
    assert second[0, 0] == pytest.approx(tanh(0.5 * -1 + 0.1 + -0.3 * h1 + 0.2), abs=ROUNDING)


def test_one_step_of_a_gru_cell_by_hand() -> None:
    """Each gate has weights of its own, so two gates exchanged give other numbers."""
    cell = GRUCell(one_unit((0.5, 0.1, -0.3, 0.2), (-0.4, 0.3, 0.6, -0.1), (0.8, -0.2, 0.7, 0.4)))
    x, before = 2.0, 0.9
    r = sigma(0.5 * x + 0.1 - 0.3 * before + 0.2)
    z = sigma(-0.4 * x + 0.3 + 0.6 * before - 0.1)
    n = tanh(0.8 * x - 0.2 + r * (0.7 * before + 0.4))  # the recurrent bias stands inside the product with r
    (h,) = cell.step(np.array([[x]]), (np.array([[before]]),))
    assert h[0, 0] == pytest.approx((1 - z) * n + z * before, abs=ROUNDING)


def test_one_step_of_an_lstm_cell_by_hand() -> None:
    cell = LSTMCell(
        one_unit((0.5, 0.1, -0.3, 0.2), (-0.4, 0.3, 0.6, -0.1), (0.8, -0.2, 0.7, 0.4), (0.25, 0.15, -0.9, 0.05))
    )
    x, before, c_before = 2.0, 0.9, -1.5
    i = sigma(0.5 * x + 0.1 - 0.3 * before + 0.2)
    f = sigma(-0.4 * x + 0.3 + 0.6 * before - 0.1)
    g = tanh(0.8 * x - 0.2 + 0.7 * before + 0.4)
    o = sigma(0.25 * x + 0.15 - 0.9 * before + 0.05)
    c_after = f * c_before + i * g
    h, c = cell.step(np.array([[x]]), (np.array([[before]]), np.array([[c_before]])))
    assert c[0, 0] == pytest.approx(c_after, abs=ROUNDING)
    assert h[0, 0] == pytest.approx(o * tanh(c_after), abs=ROUNDING)


def test_a_gru_with_the_reset_gate_at_1_and_the_update_gate_at_0_is_a_plain_rnn() -> None:
    """z = 0 lets everything new in. In the tutorial's convention the update gate has the opposite sign: z = 1 there."""
    gru = random_weights("gru")
    gru["input_bias"][:3] += 1_000  # r = 1, exactly: 1 + tanh is 2 from about 20 on
    gru["input_bias"][3:6] -= 1_000  # z = 0, exactly
    rnn = {name: rows[6:] for name, rows in gru.items()}  # the candidate's rows
    random = np.random.default_rng(1)
    gru_state, rnn_state = GRUCell(gru).initial_state(4), RNNCell(rnn).initial_state(4)
    for _ in range(20):
        x = random.standard_normal((4, 2))
        gru_state, rnn_state = GRUCell(gru).step(x, gru_state), RNNCell(rnn).step(x, rnn_state)
        np.testing.assert_allclose(gru_state[0], rnn_state[0], rtol=0, atol=1e-13)  # sums in another order, 20 steps


def test_a_gru_with_the_update_gate_at_1_keeps_its_state_exactly() -> None:
    weights = random_weights("gru")
    weights["input_bias"][3:6] += 1_000
    state = (np.random.default_rng(1).standard_normal((4, 3)),)
    (h,) = GRUCell(weights).step(np.ones((4, 2)), state)
    assert (h == state[0]).all()


def test_an_lstm_with_forget_1_and_input_0_keeps_its_cell_state_exactly() -> None:
    weights = random_weights("lstm")
    weights["input_bias"][:3] -= 1_000  # i = 0
    weights["input_bias"][3:6] += 1_000  # f = 1
    random = np.random.default_rng(1)
    c = random.standard_normal((4, 3))
    state = (random.standard_normal((4, 3)), c)
    for _ in range(50):
        state = LSTMCell(weights).step(random.standard_normal((4, 2)), state)
    assert (state[1] == c).all()


def test_recurrent_weights_of_rnn_gru_and_lstm_are_as_1_to_3_to_4() -> None:
    counts = {}
    for cell in CELL_TYPES:
        shapes = weight_shapes(NetworkConfig(3, "bidirectional", 7, 5, 11, cell))
        counts[cell] = sum(int(np.prod(shape)) for name, shape in shapes.items() if "recurrent" in name)
    assert counts["rnn"] == 3 * 2 * (7 * 7 + 7)
    assert counts == {"mlp": 0, "rnn": counts["rnn"], "gru": 3 * counts["rnn"], "lstm": 4 * counts["rnn"]}


@pytest.mark.parametrize("name", CELL_TYPES)
def test_an_observer_sees_every_activation_once_in_the_order_of_computing(name: str) -> None:
    cell = CELL_TYPES[name](random_weights(name))
    seen: dict[str, Array] = {}

    def observe(activation: str, value: Array) -> Array:
        assert activation not in seen
        seen[activation] = value
        return value

    after = cell.step(np.ones((2, 2)), cell.initial_state(2), observe)
    assert tuple(seen) == cell.activations
    assert (seen["hidden_state"] == after[0]).all()
    for watched, plain in zip(after, cell.step(np.ones((2, 2)), cell.initial_state(2)), strict=True):
        assert (watched == plain).all()


@pytest.mark.parametrize(
    ("name", "changed"), [(name, activation) for name, cell in CELL_TYPES.items() for activation in cell.activations]
)
def test_what_an_observer_returns_is_used_before_anything_reads_the_activation(name: str, changed: str) -> None:
    """The equations once more, written out, with one activation replaced by 0.25."""
    cell = CELL_TYPES[name](random_weights(name))
    random = np.random.default_rng(2)
    x = random.standard_normal((2, 2))
    state = tuple(random.standard_normal((2, 3)) for _ in range(cell.n_states))

    def set_one(activation: str, value: Array) -> Array:
        return np.full_like(value, 0.25) if activation == changed else value

    after = cell.step(x, state, set_one)
    expected = by_hand(cell, x, state, changed)
    for actual, wanted in zip(after, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-14)


def by_hand(cell: Cell, x: Array, state: tuple[Array, ...], changed: str) -> tuple[Array, ...]:
    def value(activation: str, computed: Array) -> Array:
        return np.full_like(computed, 0.25) if activation == changed else computed

    def squashed(v: Array) -> Array:
        return 1 / (1 + np.exp(-v))

    rows = cell.hidden_size
    from_input = [x @ cell.W[k : k + rows].T + cell.b[k : k + rows] for k in range(0, len(cell.W), rows)]
    if isinstance(cell, MLPCell):
        return (value("hidden_state", np.tanh(from_input[0])),)
    h = state[0]
    from_state = [h @ cell.U[k : k + rows].T + cell.d[k : k + rows] for k in range(0, len(cell.U), rows)]
    if isinstance(cell, RNNCell):
        return (value("hidden_state", np.tanh(from_input[0] + from_state[0])),)
    if isinstance(cell, GRUCell):
        r = value("reset_gate", squashed(from_input[0] + from_state[0]))
        z = value("update_gate", squashed(from_input[1] + from_state[1]))
        n = value("candidate", np.tanh(from_input[2] + r * from_state[2]))
        return (value("hidden_state", (1 - z) * n + z * h),)
    i = value("input_gate", squashed(from_input[0] + from_state[0]))
    f = value("forget_gate", squashed(from_input[1] + from_state[1]))
    g = value("cell_candidate", np.tanh(from_input[2] + from_state[2]))
    o = value("output_gate", squashed(from_input[3] + from_state[3]))
    c = value("cell_state", f * state[1] + i * g)
    return value("hidden_state", o * np.tanh(c)), c


@pytest.mark.parametrize("name", CELL_TYPES)
def test_the_initial_state_is_zeros_of_the_weights_type(name: str) -> None:
    weights = {key: value.astype(np.float32) for key, value in random_weights(name).items()}
    state = CELL_TYPES[name](weights).initial_state(2)
    assert len(state) == (2 if name == "lstm" else 1)
    assert all(part.shape == (2, 3) and part.dtype == np.float32 and not part.any() for part in state)


def test_sigmoid_does_not_overflow_and_is_right_in_between() -> None:
    assert sigmoid(np.array([-1e6, 0.0, 1e6])).tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(sigmoid(np.array([-2.0, 3.0])), [sigma(-2), sigma(3)], rtol=0, atol=1e-15)


def test_a_cell_without_equations_says_so() -> None:
    class Unwritten(Cell):
        activations, n_gates, n_states, recurrent = (), 1, 1, False

    cell = Unwritten({"input_weight": np.ones((1, 1)), "input_bias": np.ones(1)})
    with pytest.raises(TypeError, match="Unwritten defines no step"):
        cell.step(np.ones((1, 1)), cell.initial_state(1))
    assert unchanged("anything", cell.W) is cell.W
