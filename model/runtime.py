"""Runs the server's face: ids and states in; hidden states and log-probabilities out. float32, ONNX Runtime.

Knows nothing of texts or blanks. Sessions are safe to call from several threads at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.cells import CELL_TYPES, Array
from model.config import NetworkConfig
from model.graph import readout_graph, stack_graph
from model.rows import Ids, batches, longest

# ONNX Runtime reads it when it is imported: nothing of what is asked here is to be reported to anyone.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

State = list[tuple[Array, ...]]


@dataclass(frozen=True)
class Reading:
    """What a stack's units showed while it read B rows; what stands beyond a row's end means nothing."""

    layers: tuple[Array, ...]
    """Hidden states (T, B, H) of the layers asked for, from the bottom up; the last is the top one."""
    lengths: NDArray[np.int32]
    """(B,) ids of each row."""
    final_state: State
    """One state a layer, each part (B, H), after each row's last id; empty unless asked for."""

    @property
    def top(self) -> Array:
        """(T, B, H) of the top layer."""
        return self.layers[-1]


class Runtime:
    """A network ready to run."""

    def __init__(self, config: NetworkConfig, weights: Mapping[str, Array], threads: int = 1) -> None:
        """`threads` of one call; calls from several threads run beside each other."""
        self.config = config
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A spinning worker takes a core from its neighbours while it waits.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")

        def session(graph: bytes) -> onnxruntime.InferenceSession:
            return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

        self._stacks = {
            direction: session(stack_graph(config, weights, direction).SerializeToString())
            for direction in config.directions
        }
        self._readout = session(readout_graph(config, weights).SerializeToString())

    def initial_state(self, batch: int) -> State:
        """Zeros: nothing read yet."""
        parts = CELL_TYPES[self.config.cell].n_states
        return [
            tuple(np.zeros((batch, self.config.hidden_size), np.float32) for _ in range(parts))
            for _ in range(self.config.n_layers)
        ]

    def read(
        self,
        direction: str,
        rows: Sequence[Sequence[int]],
        state: State | None = None,
        *,
        all_layers: bool = False,
        final_state: bool = False,
    ) -> Reading:
        """Reads rows of ids, each in the direction's own order and of any length from 1.

        `state`: what to start from, each part (B, H); default the initial one. `all_layers`: hidden states of every
        layer, not the top one only. `final_state`: also the state after each row.
        """
        lengths = np.array([len(row) for row in rows], dtype=np.int32)
        feeds = self._feeds(rows, lengths, state)
        recurrent = self.config.cell != "mlp"
        layers = range(self.config.n_layers) if all_layers else [self.config.n_layers - 1]
        names = [f"hidden{layer}" for layer in layers]
        finals = self._final_names() if final_state and recurrent else []
        values = self._stacks[direction].run(names + [name for layer in finals for name in layer], feeds)
        hidden = tuple(values[: len(names)])
        rest = iter(values[len(names) :])
        states: State = [tuple(next(rest)[0] for _ in layer) for layer in finals]
        if final_state and not recurrent:
            states = [(layer[lengths - 1, np.arange(len(rows))],) for layer in hidden]
        return Reading(hidden, lengths, states)

    def states(self, direction: str, reads: Sequence[tuple[Ids | None, int]]) -> Array:
        """(n, H) top hidden states after the first k ids of each row, for n pairs (row, k); zeros where it is None."""
        states = np.zeros((len(reads), self.config.hidden_size), dtype=np.float32)
        holder = longest({row for row, _ in reads if row is not None})
        asked: dict[Ids, list[tuple[int, int]]] = {}
        for index, (row, n_read) in enumerate(reads):
            if row is not None:
                asked.setdefault(holder[row], []).append((index, n_read))
        for batch in batches(sorted(asked, key=len)):
            top = self.read(direction, batch).top  # (T, B, H)
            for number, row in enumerate(batch):
                for index, n_read in asked[row]:
                    states[index] = top[n_read - 1, number]
        return states

    def _feeds(
        self, rows: Sequence[Sequence[int]], lengths: NDArray[np.int32], state: State | None
    ) -> dict[str, NDArray[Any]]:
        """A stack's inputs."""
        ids = np.zeros((int(lengths.max()), len(rows)), dtype=np.int64)  # (T, B), padded at the end
        for number, row in enumerate(rows):
            ids[: len(row), number] = row
        feeds: dict[str, NDArray[Any]] = {"ids": ids}
        if self.config.cell != "mlp":
            feeds["lengths"] = lengths
            for layer, parts in enumerate(state or self.initial_state(len(rows))):
                for name, part in zip(("hidden", "cell"), parts, strict=False):
                    feeds[f"initial_{name}{layer}"] = part[None]
        return feeds

    def bare_calls(self, left: Sequence[int], right: Sequence[int]) -> Callable[[], object]:
        """The ONNX Runtime calls behind one place and nothing else, inputs made beforehand: a benchmark's baseline."""
        top = [f"hidden{self.config.n_layers - 1}"]
        calls = []
        for direction, ids in (("forward", left), ("backward", right)):
            if direction in self._stacks:
                feeds = self._feeds([ids], np.array([len(ids)], dtype=np.int32), None)
                calls.append((self._stacks[direction], top, feeds))
        states = {name: np.zeros((1, self.config.hidden_size), np.float32) for name in self.config.directions}
        calls.append((self._readout, ["log_probabilities"], states))
        return lambda: [session.run(names, feeds) for session, names, feeds in calls]

    def _final_names(self) -> list[list[str]]:
        parts = ("hidden", "cell")[: CELL_TYPES[self.config.cell].n_states]
        return [[f"final_{part}{layer}" for part in parts] for layer in range(self.config.n_layers)]

    def log_probabilities(self, forward: Array, backward: Array | None = None) -> Array:
        """Top hidden states before (and after) N places, each (N, H) -> log-probabilities (N, V).

        Call it with few places where memory matters (scores.py). `backward` None: the left side only.
        """
        feeds = {"forward": forward}
        if "backward" in self.config.directions:
            feeds["backward"] = np.zeros_like(forward) if backward is None else backward
        log_probabilities: Array = self._readout.run(["log_probabilities"], feeds)[0]
        return log_probabilities
