"""`anaphora experiment gradients`: how much of the gradient arrives k words back, cell by cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from model.config import NetworkConfig
from model.network import Network
from training.evaluation.tables import Table
from training.experiments.learner import (
    PROJECT,
    TORCH,
    Recipe,
    learn,
    new_network,
    reference_config,
    right_minus_wrong,
    tuned_on_stories,
)
from training.experiments.outcome import NAMES, Outcome, Settings, cells_of, line, told, verdict
from training.experiments.seed_statistics import SeedMean, difference, over_seeds
from training.experiments.sizes import matched
from training.experiments.small_stories import Questions, memory_questions
from training.pictures import COLOURS, MARKERS, Line, Panel
from training.progress import say

CLAIM = (
    "An LSTM's cell state is a sum, so the gradient reaches far back along it; along a plain RNN's state it vanishes."
)
METHOD = (
    "The loss is that of the pronoun at the end of a story of one person and 50 words that tell nothing. Its gradient "
    "by the state k words earlier is divided by that at the end (k = 0), story by story, and the powers of ten are "
    "averaged: -3 says that a thousandth of it arrives. The states are unrolled step by step, in float64. An LSTM "
    "has two: the cell state c, which is a sum, and the hidden state h. Before training with both kinds of initial "
    "weights, and after training with this project's."
)
TAKES = frozenset({"steps"})
RECIPE = Recipe()
TRAINED_WORDS = (0, 50)
CELLS = ("rnn", "gru", "lstm")
STATES = {"rnn": ("h",), "gru": ("h",), "lstm": ("h", "c")}
FARTHEST = 50
N_ASKED = 50
NO_GRADIENT = 1e-300
"""Stands for a norm that float64 cannot hold."""
STAGES = {
    "torch": "before training, torch's initial weights",
    "project": "before training, this project's initial weights",
    "trained": "after training",
}
Norms = dict[str, dict[tuple[str, str], list[SeedMean]]]
"""Stage -> cell and state -> one mean a place."""


def run(settings: Settings) -> Outcome:
    """Every cell at every stage, every seed."""
    recipe = replace(RECIPE, steps=settings.steps or (20 if settings.quick else RECIPE.steps))
    n_training, n_asked, farthest = (200, 10, 10) if settings.quick else (3000, N_ASKED, FARTHEST)
    places = [k for k in (0, 1, 2, 5, *range(10, FARTHEST + 1, 10)) if k <= farthest]
    asked = memory_questions("gradients/asked", n_asked, farthest)
    held_out = memory_questions("memory/tuning/held out", 50 if settings.quick else 400, TRAINED_WORDS)
    configs = matched(reference_config(), CELLS)
    norms: Norms = {stage: {} for stage in STAGES}
    rates: dict[str, float] = {}
    for cell, config in configs.items():
        rates[cell] = tuned_on_stories(config, _training(0, n_training), held_out, recipe).rate
        for stage in STAGES:
            rows = []
            for seed in settings.seeds:
                network = _network(stage, config, recipe, rates[cell], seed, n_training)
                rows.append(relative_powers(network, asked)[:, places])  # (states, places)
            say(f"{cell}, {STAGES[stage]}: {rows[0][-1, -1]:.1f} powers of ten over {farthest} words, seed 1")
            for number, state in enumerate(STATES[cell]):
                norms[stage][cell, state] = [over_seeds([row[number, k] for row in rows]) for k in range(len(places))]
    results = {
        "n_asked": n_asked,
        "learning_rates": rates,
        "powers_of_ten": {
            stage: {
                f"{cell} {state}": {k: mean.to_json() for k, mean in zip(places, means, strict=True)}
                for (cell, state), means in by_state.items()
            }
            for stage, by_state in norms.items()
        },
    }
    return Outcome(
        results,
        [_table(stage, norms[stage], places) for stage in STAGES],
        [_panel(stage, norms[stage], places) for stage in STAGES],
        [sentence for stage in STAGES for sentence in _findings(stage, norms[stage], places[-1])],
    )


def _network(stage: str, config: NetworkConfig, recipe: Recipe, rate: float, seed: int, n_training: int) -> Network:
    if stage == "trained":
        return learn(config, _training(seed, n_training), recipe, rate, seed)
    return new_network(config, TORCH if stage == "torch" else PROJECT, seed)


def _training(seed: int, n: int) -> Questions:
    return memory_questions(f"memory/training/{seed}", n, TRAINED_WORDS)


def relative_powers(network: Network, questions: Questions) -> NDArray[np.float64]:
    """(states, K) mean over stories of log10 of |d loss / d state(end - k)| / |d loss / d state(end)|, k = 0, 1, ..."""
    powers = np.log10(np.maximum(gradient_norms(network, questions), NO_GRADIENT))  # (states, B, K)
    return np.asarray((powers - powers[:, :, :1]).mean(axis=1))


def gradient_norms(network: Network, questions: Questions) -> NDArray[np.float64]:
    """(states, B, K) of each story's loss by the states after the last word (k = 0), the one before (k = 1), ...

    States: h, and of an LSTM h, c, as they pass on to the next moment; the gradient by one is along every way that
    leads from it to the loss. K: the words of the shortest story. float64; `network` has one layer and stays as it is.
    """
    precise = Network(network.config).double()
    precise.load_weights(network.weights())
    ids = torch.from_numpy(questions.ids.T.copy())  # (T, B)
    rows = torch.arange(len(questions))
    state = precise.initial_state(len(questions))
    passed: list[tuple[torch.Tensor, ...]] = []
    for time in range(len(ids)):
        _, state = precise.read("forward", ids[time : time + 1], state)
        for part in state[0]:
            part.retain_grad()
        passed.append(state[0])
    # The last state of each story; those behind its end reach nothing and are left out below.
    ends = torch.from_numpy(questions.lengths - 1)
    last = torch.stack([parts[0] for parts in passed])[ends, rows]  # (B, H)
    loss = torch.nn.functional.softplus(-right_minus_wrong(precise, last, questions.answers)).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    shortest = int(questions.lengths.min())
    by_state = []
    for number in range(len(passed[0])):
        each = torch.stack([_whole_gradient(parts, number) for parts in passed]).norm(dim=2)  # (T, B)
        by_state.append(torch.stack([each[ends - k, rows] for k in range(shortest)], dim=1).numpy())  # (B, K)
    return np.asarray(np.stack(by_state))


def _whole_gradient(parts: tuple[torch.Tensor, ...], number: int) -> torch.Tensor:
    """(B, H) of the loss by one part of a state, 0 where nothing leads from it to the loss.

    torch's fused LSTM gives h and c out side by side, so that its gradient by c knows only the way through the next
    moment's c. The way through h = o tanh(c) is added here, with o = h / tanh(c).
    """
    gradients = [torch.zeros_like(part) if part.grad is None else part.grad for part in parts]
    if number == 0:
        return gradients[0]
    h, squashed = parts[0].detach(), torch.tanh(parts[1].detach())
    output_gate = torch.where(squashed == 0, 0.0, h / squashed)
    return gradients[1] + gradients[0] * output_gate * (1 - squashed**2)


def _name(cell: str, state: str) -> str:
    return f"{NAMES[cell]}, cell state c" if state == "c" else f"{NAMES[cell]}, h"


def _table(stage: str, by_state: dict[tuple[str, str], list[SeedMean]], places: list[int]) -> Table:
    shown = [k for k in (1, 5, 10, 20, 50) if k in places]
    header = ("words back", *(label for key in by_state for label in (_name(*key), "95 % interval")))
    rows = [
        (str(k), *(cell for means in by_state.values() for cell in cells_of(means[places.index(k)], 2))) for k in shown
    ]
    return Table(f"Gradient against that at the end, powers of ten, {STAGES[stage]}", header, tuple(rows))


def _panel(stage: str, by_state: dict[tuple[str, str], list[SeedMean]], places: list[int]) -> Panel:
    lines = []
    for (cell, state), means in by_state.items():
        drawn = line(_name(cell, state), [float(k) for k in places], means, cell)
        if cell == "lstm" and state == "h":
            drawn = Line(drawn.label, drawn.x, drawn.values, COLOURS[4], True, drawn.intervals, MARKERS[4])
        lines.append(drawn)
    title = STAGES[stage][0].upper() + STAGES[stage][1:]
    return Panel(title, "gradient, powers of ten", lines, across="words back (k)")


def _findings(stage: str, by_state: dict[tuple[str, str], list[SeedMean]], farthest: int) -> list[str]:
    last = {key: means[-1] for key, means in by_state.items()}
    found = [f"{_name(*key)} {told(mean, 2)}" for key, mean in last.items()]
    apart = difference(last["lstm", "c"].values, last["rnn", "h"].values)
    return [
        f"{STAGES[stage][0].upper() + STAGES[stage][1:]}, {farthest} words back, powers of ten: {'; '.join(found)}.",
        f"There the LSTM's cell state minus the plain RNN's state: {told(apart, 2)}, {verdict(apart)}.",
    ]
