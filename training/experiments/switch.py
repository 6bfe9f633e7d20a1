"""`anaphora experiment switch`: the subject changes; who keeps up, and what do the gates do at the change?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model.config import CELLS, NetworkConfig
from model.network import Network
from training.evaluation.metrics import accuracy
from training.evaluation.tables import Table
from training.experiments.gates import KEEPING_GATE, MEMORY, activations, mean_by_role, selectivity, top_units
from training.experiments.learner import Recipe, answered, learn, reference_config, tuned_on_stories
from training.experiments.outcome import NAMES, Outcome, Settings, cells_of, line, told, told_apart, verdict
from training.experiments.seed_statistics import SeedMean, difference, over_seeds
from training.experiments.sizes import matched
from training.experiments.small_stories import ELSEWHERE, NEW_OTHER, NEW_SAME, ROLES, Questions, switch_questions
from training.pictures import Panel
from training.progress import say

CLAIM = "When a new subject appears, the forget gate lets the old one's gender go, and the right pronoun comes out."
METHOD = (
    "Each sentence of a story has another subject, and the last one is asked about; a person of the other gender "
    "stands between it and the blank, so that the nearest person is always the wrong answer. The networks were trained "
    "on stories with 0 to 3 changes of the subject, half of them without that person. The gates are those of the 4 "
    "units whose memory (an LSTM's cell state, a GRU's hidden state) tells the subject's gender best, chosen on other "
    "stories than those in which the gates are looked at. The forget gate of an LSTM and the update gate of a GRU (z, "
    "in this project's convention) keep the old state where they are 1 and let it go where they are 0."
)
TAKES = frozenset({"steps"})
RECIPE = Recipe(steps=300)
TRAINED_SWITCHES = (0, 1, 2, 3)
SWITCHES = (0, 1, 2, 3, 4, 5)
N_TRAINING, N_HELD_OUT, N_ASKED, N_LOOKED_AT = 3000, 400, 200, 300
N_UNITS = 4
"""Units whose gates are averaged."""


def run(settings: Settings) -> Outcome:
    """Every cell and seed: accuracy by changes; of those with gates, the gates by kind of word."""
    recipe = replace(RECIPE, steps=settings.steps or (20 if settings.quick else RECIPE.steps))
    n_training, n_held_out, n_asked, n_looked_at = (
        (200, 50, 40, 60) if settings.quick else (N_TRAINING, N_HELD_OUT, N_ASKED, N_LOOKED_AT)
    )
    configs = matched(reference_config(), CELLS)
    tuning = switch_questions("switch/training/0", n_training, TRAINED_SWITCHES, alone=True)
    held_out = switch_questions("switch/tuning/held out", n_held_out, TRAINED_SWITCHES)
    asked = [switch_questions(f"switch/asked/{n}", n_asked, (n,)) for n in SWITCHES]
    choosing, looked_at = (
        switch_questions(f"switch/{name}", n_looked_at, TRAINED_SWITCHES, alone=True) for name in ("choosing", "gates")
    )
    results: dict[str, Any] = {"n_asked": n_asked, "n_units": N_UNITS, "cells": {}}
    accuracies: dict[str, list[SeedMean]] = {}
    gates: dict[str, dict[int, SeedMean]] = {}
    for cell, config in configs.items():
        chosen = tuned_on_stories(config, tuning, held_out, recipe)
        right, by_role, units = [], [], []
        for seed in settings.seeds:
            questions = switch_questions(f"switch/training/{seed}", n_training, TRAINED_SWITCHES, alone=True)
            network = learn(config, questions, recipe, chosen.rate, seed)
            right.append([accuracy(answered(network, each)) for each in asked])
            say(f"{cell}, seed {seed}: {right[-1][-1]:.3f} with {SWITCHES[-1]} changes")
            if cell in KEEPING_GATE:
                found, means = _gates(config, network, choosing, looked_at)
                units.append(found)
                by_role.append(means)
        accuracies[cell] = [over_seeds(column, (0.0, 1.0)) for column in zip(*right, strict=True)]
        results["cells"][cell] = {
            "units": config.hidden_size,
            "learning_rate": chosen.rate,
            "tuning_nats": chosen.losses,
            "accuracy": {n: mean.to_json() for n, mean in zip(SWITCHES, accuracies[cell], strict=True)},
        }
        if by_role:
            gates[cell] = {role: over_seeds([means[role] for means in by_role], (0.0, 1.0)) for role in ROLES}
            results["cells"][cell] |= {
                "gate": KEEPING_GATE[cell],
                "selected_units": units,
                "gate_means": {ROLES[role]: mean.to_json() for role, mean in gates[cell].items()},
            }
    return Outcome(
        results,
        [_accuracy_table(accuracies, results), _gate_table(gates)],
        [_accuracy_panel(accuracies), _gate_panel(gates)],
        _findings(accuracies, gates),
    )


def _gates(
    config: NetworkConfig, network: Network, choosing: Questions, looked_at: Questions
) -> tuple[list[int], dict[int, float]]:
    """The units that tell the gender best, and the mean of their keeping gate by kind of word."""
    weights = network.weights()
    memory = activations(config, weights, choosing)[MEMORY[config.cell]]
    units = top_units(selectivity(memory, choosing.subjects), N_UNITS)
    gate = activations(config, weights, looked_at)[KEEPING_GATE[config.cell]]
    return units, mean_by_role(gate, units, looked_at.roles)


def _accuracy_table(accuracies: dict[str, list[SeedMean]], results: dict[str, Any]) -> Table:
    header = ("changes", *(label for cell in accuracies for label in (NAMES[cell], "95 % interval")))
    rows = [
        (str(n), *(cell for figures in accuracies.values() for cell in cells_of(figures[place])))
        for place, n in enumerate(SWITCHES)
    ]
    rates = [(f"{results['cells'][cell]['learning_rate']:g}", "") for cell in accuracies]
    rows.append(("learning rate", *(cell for pair in rates for cell in pair)))
    title = "Accuracy by changes of the subject, somebody of the other gender nearer (chance: 0.500)"
    return Table(title, header, tuple(rows))


def _gate_table(gates: dict[str, dict[int, SeedMean]]) -> Table:
    columns = [(f"{NAMES[cell]} {KEEPING_GATE[cell].replace('_', ' ')}", "95 % interval") for cell in gates]
    rows = [
        (name, *(cell for means in gates.values() for cell in cells_of(means[role]))) for role, name in ROLES.items()
    ]
    title = f"Mean gate of the {N_UNITS} units that tell the subject's gender best (1 keeps, 0 lets go)"
    return Table(title, ("at which word", *(cell for pair in columns for cell in pair)), tuple(rows))


def _accuracy_panel(accuracies: dict[str, list[SeedMean]]) -> Panel:
    x = [float(place) for place in range(len(SWITCHES))]
    lines = [line(NAMES[cell], x, figures, cell) for cell, figures in accuracies.items()]
    names = [str(n) for n in SWITCHES]
    across = "changes of the subject (trained: up to 3)"
    return Panel("Accuracy", "accuracy", lines, ("chance", 0.5), 0.0, across, names)


def _gate_panel(gates: dict[str, dict[int, SeedMean]]) -> Panel:
    x = [float(place) for place in range(len(ROLES))]
    lines = [
        line(f"{NAMES[cell]} {KEEPING_GATE[cell].replace('_', ' ')}", x, list(means.values()), cell)
        for cell, means in gates.items()
    ]
    names = [name.replace(", ", ",\n").replace("somebody ", "somebody\n") for name in ROLES.values()]
    title = "Gates of the units that tell gender"
    return Panel(title, "mean gate (1 keeps)", lines, None, 0.0, "at which word", names)


def _findings(accuracies: dict[str, list[SeedMean]], gates: dict[str, dict[int, SeedMean]]) -> list[str]:
    most = SWITCHES[-1]
    last = {cell: figures[-1] for cell, figures in accuracies.items()}
    found = [f"{NAMES[cell]} {told(mean)}" for cell, mean in last.items()]
    sentences = [f"With {most} changes: {', '.join(found)}.", *told_apart(last)]
    for cell, means in gates.items():
        gate = KEEPING_GATE[cell].replace("_", " ")
        for role, against in ((NEW_OTHER, ELSEWHERE), (NEW_OTHER, NEW_SAME)):
            apart = difference(means[role].values, means[against].values)
            where = f"{ROLES[role]} minus {ROLES[against]}"
            sentences.append(f"{NAMES[cell]}, {gate}, {where}: {told(apart)}, {verdict(apart)}.")
    return sentences
