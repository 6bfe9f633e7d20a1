"""`anaphora experiment parameters`: how many weights each cell has, and how fast it learns text."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from model.config import NetworkConfig
from model.structure import n_weights, weight_shapes
from training.evaluation.tables import Table
from training.experiments.outcome import (
    NAMES,
    Outcome,
    Settings,
    cells_of,
    line,
    told,
    verdict,
)
from training.experiments.rates import Tuned, tuned
from training.experiments.seed_statistics import SeedMean, difference, over_seeds
from training.experiments.sizes import matched
from training.experiments.text_learner import Look, TextRecipe, TextSlice, learn_text, read_slice
from training.pictures import COLOURS, MARKERS, Panel
from training.progress import say

CLAIM = "A GRU has fewer weights than an LSTM of as many units, and trains more easily."
METHOD = (
    "One layer reads text word by word (the shipped grammar's stories, or --data) and guesses every next word. The "
    "loss is measured on a part of the text that neither training nor the choice of learning rates has seen. Three "
    "networks have as many weights as the LSTM; the fourth, a GRU of as many units as the LSTM, has fewer. Seconds are "
    "those of one core in training alone; they belong to this machine and are not in the JSON."
)
TAKES = frozenset({"steps", "data"})
HIDDEN_SIZE, EMBEDDING_SIZE = 64, 48
N_TRAINING, N_HELD_OUT = 100_000, 10_000
RECIPE = TextRecipe()
SAME_UNITS = "gru of as many units"
LABELS = {cell: NAMES[cell] for cell in ("lstm", "gru", "rnn")} | {SAME_UNITS: "GRU, as many units"}


def run(settings: Settings) -> Outcome:
    """Counts, then every network and seed on the text."""
    recipe = replace(RECIPE, steps=settings.steps or (10 if settings.quick else RECIPE.steps))
    n_training, n_held_out = (2000, 500) if settings.quick else (N_TRAINING, N_HELD_OUT)
    text = read_slice(settings.data, n_training, n_held_out)
    reference = NetworkConfig(1, "causal", HIDDEN_SIZE, EMBEDDING_SIZE, text.vocabulary_size, "lstm")
    configs = matched(reference, ("lstm", "gru", "rnn")) | {SAME_UNITS: replace(reference, cell="gru")}
    looks: dict[str, list[list[Look]]] = {}
    rates: dict[str, float] = {}
    tuning: dict[str, dict[float, float]] = {}
    for name, config in configs.items():
        chosen = _tuned(config, text, recipe, name)
        rates[name] = chosen.rate
        tuning[name] = dict(chosen.losses)
        looks[name] = []
        for seed in settings.seeds:
            looks[name].append(learn_text(config, text.training, text.valid, recipe, rates[name], seed))
            say(f"{LABELS[name]}, seed {seed}: {looks[name][-1][-1].nats:.3f} nats")
    tokens = [look.n_tokens for look in looks["lstm"][0]]
    nats = {name: _columns(each, "nats") for name, each in looks.items()}
    seconds = {name: _columns(each, "seconds") for name, each in looks.items()}
    results: dict[str, Any] = {
        "words": {"training": len(text.training), "valid": len(text.valid)},
        "vocabulary_size": text.vocabulary_size,
        "counts_of_as_many_units": {cell: _counts(replace(reference, cell=cell)) for cell in ("rnn", "gru", "lstm")},
        "networks": {
            name: {
                "cell": config.cell,
                "units": config.hidden_size,
                **_counts(config),
                "learning_rate": rates[name],
                "tuning_nats": tuning[name],
                "valid_nats": {n: mean.to_json() for n, mean in zip(tokens, nats[name], strict=True)},
            }
            for name, config in configs.items()
        },
    }
    return Outcome(
        results,
        [_count_table(reference), _loss_table(configs, rates, tokens, nats), _seconds_table(tokens, seconds)],
        [
            _panel("By words read", "words read", {name: list(map(float, tokens)) for name in nats}, nats),
            _panel("By time", "seconds of one core", {n: [m.mean for m in s] for n, s in seconds.items()}, nats),
        ],
        _findings(reference, tokens, nats),
    )


def _tuned(config: NetworkConfig, text: TextSlice, recipe: TextRecipe, name: str) -> Tuned:
    """The rate by the loss at the end on the tuning part, `recipe.rates` to begin with; seed 0, without a figure."""

    def loss(rate: float) -> float:
        return learn_text(config, text.training, text.tuning, recipe, rate, seed=0)[-1].nats

    return tuned(LABELS[name], recipe.rates, loss)


def _columns(looks: list[list[Look]], what: str) -> list[SeedMean]:
    """One mean over seeds a moment."""
    return [over_seeds([getattr(look, what) for look in column]) for column in zip(*looks, strict=True)]


def _counts(config: NetworkConfig) -> dict[str, int]:
    """All weights, and those of the recurrent layer alone."""
    layer = sum(math.prod(shape) for name, shape in weight_shapes(config).items() if name.startswith("layer0."))
    return {"weights": n_weights(config), "weights_of_the_layer": layer}


def _count_table(reference: NetworkConfig) -> Table:
    counts = {cell: _counts(replace(reference, cell=cell)) for cell in ("rnn", "gru", "lstm")}
    rows = tuple(
        (
            NAMES[cell],
            f"{count['weights_of_the_layer']:,}",
            f"{count['weights_of_the_layer'] / counts['rnn']['weights_of_the_layer']:.0f}",
            f"{count['weights']:,}",
        )
        for cell, count in counts.items()
    )
    title = f"Weights of one layer of {reference.hidden_size} units that reads vectors of {reference.embedding_size}"
    return Table(title, ("cell", "the layer", "times a plain RNN's", "with embedding and output"), rows)


def _loss_table(
    configs: dict[str, NetworkConfig], rates: dict[str, float], tokens: list[int], nats: dict[str, list[SeedMean]]
) -> Table:
    header = ("words read", *(label for name in nats for label in (LABELS[name], "95 % interval")))
    rows = [
        (f"{n:,}", *(cell for means in nats.values() for cell in cells_of(means[place])))
        for place, n in enumerate(tokens)
    ]
    for what, cells in (
        ("units", [str(config.hidden_size) for config in configs.values()]),
        ("weights", [f"{n_weights(config):,}" for config in configs.values()]),
        ("learning rate", [f"{rate:g}" for rate in rates.values()]),
    ):
        rows.append((what, *(part for cell in cells for part in (cell, ""))))
    return Table("Held-out loss, nats a word", header, tuple(rows))


def _seconds_table(tokens: list[int], seconds: dict[str, list[SeedMean]]) -> Table:
    rows = tuple(
        (LABELS[name], f"{means[-1].mean:.1f}", f"{tokens[-1] / max(means[-1].mean, 1e-9):,.0f}")
        for name, means in seconds.items()
    )
    return Table("Time of one training, one core of this machine", ("network", "seconds", "words a second"), rows)


def _panel(title: str, across: str, x: dict[str, list[float]], nats: dict[str, list[SeedMean]]) -> Panel:
    lines = []
    for name, means in nats.items():
        drawn = line(LABELS[name], x[name], means, "gru" if name == SAME_UNITS else name)
        if name == SAME_UNITS:
            drawn = replace(drawn, colour=COLOURS[4], marker=MARKERS[4])
        lines.append(drawn)
    return Panel(title, "held-out loss, nats a word", lines, across=across)


def _findings(reference: NetworkConfig, tokens: list[int], nats: dict[str, list[SeedMean]]) -> list[str]:
    gru, lstm = (_counts(replace(reference, cell=cell))["weights_of_the_layer"] for cell in ("gru", "lstm"))
    found = [f"A GRU's layer has {gru / lstm:.0%} of the weights of an LSTM's of as many units."]
    early = min(range(len(tokens)), key=lambda place: abs(tokens[place] - 0.2 * tokens[-1]))
    for place in (early, len(tokens) - 1):
        for name in ("gru", SAME_UNITS, "rnn"):
            apart = difference(nats[name][place].values, nats["lstm"][place].values)
            told_apart = f"{LABELS[name]} minus LSTM: {told(apart)} nats a word, {verdict(apart)}"
            found.append(f"After {tokens[place]:,} words, {told_apart} (below 0: better than the LSTM).")
    return found
