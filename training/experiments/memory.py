"""`anaphora experiment memory`: one subject, then words that tell nothing; who still knows who it was?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from model.config import CELLS, NetworkConfig
from model.structure import n_weights
from training.evaluation.metrics import accuracy
from training.evaluation.tables import Table
from training.experiments.learner import PROJECT, TORCH, Recipe, answered, learn, reference_config, tuned_on_stories
from training.experiments.outcome import NAMES, Outcome, Settings, cells_of, line, told, told_apart
from training.experiments.rates import Tuned
from training.experiments.seed_statistics import SeedMean, over_seeds
from training.experiments.sizes import matched
from training.experiments.small_stories import Questions, memory_questions
from training.pictures import Panel
from training.progress import say

CLAIM = "Memory is what a recurrent cell adds to a perceptron; gates make it last longer than a plain RNN's."
METHOD = (
    "Each story names one person, old or young, man or woman, and goes on with so many words that tell nothing; then "
    "he or she is asked. The networks were trained on stories with 0 to 50 such words, so the right part of the scale "
    "is beyond anything they were trained on. The pictures differ in the initial weights, those of this project (the "
    "recurrent weights orthogonal, a plain RNN's a little smaller, an LSTM's forget gates open) or torch's own (all "
    "uniform), and in the training stories: few words as often as many (their logarithm is uniform), or every number "
    "as often, which leaves few from which to learn what is near."
)
TAKES = frozenset({"steps"})
RECIPE = Recipe()
TRAINED_WORDS = (0, 50)
DISTANCES = (0, 1, 5, 10, 25, 50, 100, 200)
N_TRAINING, N_HELD_OUT, N_ASKED = 3000, 400, 200


@dataclass(frozen=True)
class Condition:
    """How the networks were trained."""

    name: str
    initial: str
    """Initial weights: PROJECT's or TORCH's."""
    mostly_few: bool
    """Whether the training stories have few words as often as many; else 0, 1, ... 50 words are equally frequent."""


CONDITIONS = (
    Condition("this project's initial weights, few words as often as many", PROJECT, mostly_few=True),
    Condition("torch's initial weights, few words as often as many", TORCH, mostly_few=True),
    Condition("torch's initial weights, every number of words as often", TORCH, mostly_few=False),
)


def run(settings: Settings) -> Outcome:
    """Every cell in every condition, every seed, every distance."""
    recipe = replace(RECIPE, steps=settings.steps or (20 if settings.quick else RECIPE.steps))
    n_training, n_held_out, n_asked = (200, 50, 40) if settings.quick else (N_TRAINING, N_HELD_OUT, N_ASKED)
    distances = (0, 5, 20) if settings.quick else DISTANCES
    configs = matched(reference_config(), CELLS)
    asked = {d: memory_questions(f"memory/asked/{d}", n_asked, d) for d in distances}
    results: dict[str, Any] = {"n_asked": n_asked, "weights": {c: n_weights(config) for c, config in configs.items()}}
    results["units"] = {cell: config.hidden_size for cell, config in configs.items()}
    means: dict[Condition, dict[str, list[SeedMean]]] = {}
    for condition in CONDITIONS:
        of_condition = replace(recipe, initial=condition.initial)
        held_out = _stories("tuning/held out", n_held_out, condition)
        tuning = _stories("training/0", n_training, condition)
        means[condition], results[condition.name] = {}, {}
        for cell, config in configs.items():
            if cell == "mlp" and condition != CONDITIONS[0]:  # nothing recurrent to initialise, nothing far to learn
                continue
            chosen = tuned_on_stories(config, tuning, held_out, of_condition)
            figures = _accuracies(config, chosen, of_condition, asked, settings, n_training, condition)
            means[condition][cell] = figures
            results[condition.name][cell] = {
                "learning_rate": chosen.rate,
                "tuning_nats": chosen.losses,
                "accuracy": {d: figure.to_json() for d, figure in zip(distances, figures, strict=True)},
            }
    return Outcome(
        results,
        [_table(condition, means[condition], distances, results) for condition in CONDITIONS],
        [_panel(condition, means[condition], distances) for condition in CONDITIONS],
        [sentence for condition in CONDITIONS for sentence in _findings(condition, means[condition], distances[-1])],
    )


def _stories(name: str, n: int, condition: Condition) -> Questions:
    return memory_questions(f"memory/{name}", n, TRAINED_WORDS, mostly_few=condition.mostly_few)


def _accuracies(
    config: NetworkConfig,
    chosen: Tuned,
    recipe: Recipe,
    asked: dict[int, Questions],
    settings: Settings,
    n_training: int,
    condition: Condition,
) -> list[SeedMean]:
    """One mean over seeds a distance."""
    rows = []
    for seed in settings.seeds:
        network = learn(config, _stories(f"training/{seed}", n_training, condition), recipe, chosen.rate, seed)
        rows.append([accuracy(answered(network, questions)) for questions in asked.values()])
        say(f"{config.cell}, seed {seed}: {rows[-1][-1]:.3f} over {list(asked)[-1]} words")
    return [over_seeds(column, (0.0, 1.0)) for column in zip(*rows, strict=True)]


def _table(condition: Condition, means: dict[str, list[SeedMean]], distances: tuple[int, ...], results: Any) -> Table:
    title = f"Accuracy by words between subject and blank, {condition.name} (chance: 0.500)"
    header = ("words", *(label for cell in means for label in (NAMES[cell], "95 % interval")))
    rows = [
        (str(d), *(cell for figures in means.values() for cell in cells_of(figures[place])))
        for place, d in enumerate(distances)
    ]
    rates = [(f"{results[condition.name][cell]['learning_rate']:g}", "") for cell in means]
    weights = [(f"{results['weights'][cell]:,}", "") for cell in means]
    rows.append(("learning rate", *(cell for pair in rates for cell in pair)))
    rows.append(("weights", *(cell for pair in weights for cell in pair)))
    return Table(title, header, tuple(rows))


def _panel(condition: Condition, means: dict[str, list[SeedMean]], distances: tuple[int, ...]) -> Panel:
    x = [float(place) for place in range(len(distances))]
    lines = [line(NAMES[cell], x, figures, cell) for cell, figures in means.items()]
    across = "words between subject and blank"
    names = [str(d) for d in distances]
    title = condition.name.replace(" initial weights, ", " weights; ")
    title = title[0].upper() + title[1:]
    return Panel(title, "accuracy", lines, ("chance", 0.5), 0.4, across, names)


def _findings(condition: Condition, means: dict[str, list[SeedMean]], farthest: int) -> list[str]:
    last = {cell: figures[-1] for cell, figures in means.items()}
    found = [f"{NAMES[cell]} {told(mean)}" for cell, mean in last.items()]
    summary = f"{condition.name[0].upper()}{condition.name[1:]}, over {farthest} words: {', '.join(found)}."
    return [summary, *told_apart(last)]
