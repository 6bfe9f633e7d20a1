"""What single units do while small stories are read: which tell the subject's gender, and what their gates are.

Reads with the equations' face (model/structure.py), where every gate can be seen. Knows no claims.
Letters: B stories, T words, H units.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from model.cells import Array
from model.config import NetworkConfig
from model.structure import RecurrentNetwork
from training.experiments.small_stories import ROLES, Questions

MEMORY = {"lstm": "cell_state", "gru": "hidden_state", "rnn": "hidden_state"}
"""Where a cell keeps what it remembers."""
KEEPING_GATE = {"lstm": "forget_gate", "gru": "update_gate"}
"""The gate that is 1 where the old state is kept and 0 where it is let go."""


def activations(config: NetworkConfig, weights: Mapping[str, Array], questions: Questions) -> dict[str, Array]:
    """What every activation of the bottom layer was: name -> (B, T, H)."""
    seen: dict[str, list[Array]] = {}

    def observe(layer: int, time: int, name: str, value: Array) -> Array:
        if layer == 0:
            seen.setdefault(name, []).append(value)
        return value

    network = RecurrentNetwork(config, weights)
    network.read("forward", questions.ids, questions.lengths.tolist(), observe=observe)
    return {name: np.stack(values, axis=1) for name, values in seen.items()}


def selectivity(memory: Array, subjects: NDArray[np.int8]) -> NDArray[np.float64]:
    """(H,) how well each unit tells a feminine subject from a masculine one: the distance of its two means in pooled
    standard deviations (Cohen's d, unsigned).

    memory: (B, T, H); subjects: (B, T) 0, 1, and -1 where a word does not count. A unit that never moves scores 0.
    """
    masculine, feminine = (memory[subjects == gender].astype(np.float64) for gender in (0, 1))  # (N, H)
    spread = np.sqrt((masculine.var(axis=0) + feminine.var(axis=0)) / 2)
    apart = np.abs(masculine.mean(axis=0) - feminine.mean(axis=0))
    return np.asarray(np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0))


def top_units(scores: NDArray[np.float64], n: int) -> list[int]:
    """The units with the highest scores, the highest first; of equal ones the lower number."""
    return [int(unit) for unit in np.argsort(-scores, kind="stable")[:n]]


def mean_by_role(gate: Array, units: list[int], roles: NDArray[np.int8]) -> dict[int, float]:
    """Role of a word (small_stories.ROLES) -> mean of these units' gate there. gate: (B, T, H); roles: (B, T)."""
    return {role: float(gate[roles == role][:, units].mean()) for role in ROLES}
