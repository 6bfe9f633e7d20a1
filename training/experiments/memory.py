"""`anaphora experiment memory`: one subject, then words that tell nothing; who still knows who it was?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model.config import CELLS, NetworkConfig
from model.structure import n_weights
from training.evaluation.metrics import accuracy
from training.evaluation.tables import Table
from training.experiments.learner import PROJECT, TORCH, Recipe, Tuned, answered, learn, reference_config, tuned
from training.experiments.outcome import NAMES, Outcome, Settings, cells_of, line, told, verdict
from training.experiments.seed_statistics import SeedMean, difference, over_seeds
from training.experiments.sizes import matched
from training.experiments.small_stories import Questions, memory_questions
from training.pictures import Panel
from training.progress import say

CLAIM = "Memory is what a recurrent cell adds to a perceptron; gates make it last longer than a plain RNN's."
METHOD = (
    "Each story names one person, old or young, man or woman, and goes on with so many words that tell nothing; then "
    "he or she is asked. The networks were trained on stories with 0 to 50 such words, few as often as many, so the "
    "right part of the scale is beyond anything they were trained on. The two pictures differ in the initial weights "
    "alone: those of this project (the recurrent weights orthogonal, an LSTM's forget gates open) and torch's own "
    "(all uniform)."
)
TAKES = frozenset({"steps"})
RECIPE = Recipe()
TRAINED_WORDS = (0, 50)
DISTANCES = (0, 1, 5, 10, 25, 50, 100, 200)
N_TRAINING, N_HELD_OUT, N_ASKED = 3000, 400, 300
INITIAL = {PROJECT: "this project's initial weights", TORCH: "torch's initial weights"}


def run(settings: Settings) -> Outcome:
    """Every cell with both kinds of initial weights, every seed, every distance."""
    recipe = replace(RECIPE, steps=settings.steps or (20 if settings.quick else RECIPE.steps))
    n_training, n_held_out, n_asked = (200, 50, 40) if settings.quick else (N_TRAINING, N_HELD_OUT, N_ASKED)
    distances = (0, 5, 20) if settings.quick else DISTANCES
    configs = matched(reference_config(), CELLS)
    held_out = memory_questions("memory/tuning/held out", n_held_out, TRAINED_WORDS, mostly_few=True)
    tuning = training_questions(0, n_training)
    asked = {d: memory_questions(f"memory/asked/{d}", n_asked, d) for d in distances}
    results: dict[str, Any] = {"n_asked": n_asked, "weights": {c: n_weights(config) for c, config in configs.items()}}
    results["units"] = {cell: config.hidden_size for cell, config in configs.items()}
    means: dict[str, dict[str, list[SeedMean]]] = {}
    for initial in INITIAL:
        means[initial], results[initial] = {}, {}
        for cell, config in configs.items():
            if cell == "mlp" and initial == TORCH:  # nothing recurrent to initialise
                continue
            chosen = tuned(config, tuning, held_out, replace(recipe, initial=initial))
            figures = _accuracies(config, chosen, replace(recipe, initial=initial), asked, settings, n_training)
            means[initial][cell] = figures
            results[initial][cell] = {
                "learning_rate": chosen.rate,
                "tuning_nats": chosen.losses,
                "accuracy": {d: figure.to_json() for d, figure in zip(distances, figures, strict=True)},
            }
    return Outcome(
        results,
        [_table(initial, means[initial], distances, results) for initial in INITIAL],
        [_panel(initial, means[initial], distances) for initial in INITIAL],
        [sentence for initial in INITIAL for sentence in _findings(initial, means[initial], distances[-1])],
    )


def training_questions(seed: int, n: int) -> Questions:
    """The stories that a network of this seed is trained on."""
    return memory_questions(f"memory/training/{seed}", n, TRAINED_WORDS, mostly_few=True)


def _accuracies(
    config: NetworkConfig,
    chosen: Tuned,
    recipe: Recipe,
    asked: dict[int, Questions],
    settings: Settings,
    n_training: int,
) -> list[SeedMean]:
    """One mean over seeds a distance."""
    rows = []
    for seed in settings.seeds:
        network = learn(config, training_questions(seed, n_training), recipe, chosen.rate, seed)
        rows.append([accuracy(answered(network, questions)) for questions in asked.values()])
        say(f"{config.cell}, seed {seed}: {rows[-1][-1]:.3f} over {list(asked)[-1]} words")
    return [over_seeds(column, (0.0, 1.0)) for column in zip(*rows, strict=True)]


def _table(initial: str, means: dict[str, list[SeedMean]], distances: tuple[int, ...], results: Any) -> Table:
    title = f"Accuracy by words between subject and blank, {INITIAL[initial]} (chance: 0.500)"
    header = ("words", *(label for cell in means for label in (NAMES[cell], "95 % interval")))
    rows = [
        (str(d), *(cell for figures in means.values() for cell in cells_of(figures[place])))
        for place, d in enumerate(distances)
    ]
    rates = [(f"{results[initial][cell]['learning_rate']:g}", "") for cell in means]
    weights = [(f"{results['weights'][cell]:,}", "") for cell in means]
    rows.append(("learning rate", *(cell for pair in rates for cell in pair)))
    rows.append(("weights", *(cell for pair in weights for cell in pair)))
    return Table(title, header, tuple(rows))


def _panel(initial: str, means: dict[str, list[SeedMean]], distances: tuple[int, ...]) -> Panel:
    x = [float(place) for place in range(len(distances))]
    lines = [line(NAMES[cell], x, figures, cell) for cell, figures in means.items()]
    across = "words between subject and blank (trained: up to 50)"
    names = [str(d) for d in distances]
    title = f"With {INITIAL[initial]}"
    return Panel(title, "accuracy", lines, ("chance", 0.5), 0.4, across, names)


def _findings(initial: str, means: dict[str, list[SeedMean]], farthest: int) -> list[str]:
    last = {cell: figures[-1] for cell, figures in means.items()}
    found = [f"{NAMES[cell]} {told(mean)}" for cell, mean in last.items()]
    sentences = [f"Over {farthest} words, with {INITIAL[initial]}: {', '.join(found)}."]
    for first, second in (("lstm", "rnn"), ("gru", "rnn"), ("lstm", "gru")):
        apart = difference(last[first].values, last[second].values)
        sentences.append(f"There {NAMES[first]} minus {NAMES[second]}: {told(apart)}, {verdict(apart)}.")
    return sentences
