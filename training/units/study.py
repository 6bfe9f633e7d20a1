"""The whole study of one bundle: choose units on one half of the questions, measure them on the other.

    1. first-order estimates of every unit's effect, on the first half          -> the top units of each stack
    2. exact ablation of those and of random others, one by one, second half    -> effects, the ranking
    3. the top k together against k random others, second half                  -> groups
    4. selectivity of every unit for the subject's gender, on stories
    5. the keeping gate of the top units around a new subject, on stories

A *stack* here is a layer in one direction. Knows neither tables nor pages.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from model.bundle import Bundle
from training.errors import EvaluationError
from training.evaluation.metrics import accuracy
from training.story import Story
from training.units.ablation import Ablation, Floats, Unit, memory_of
from training.units.effects import Effect, Places, effects, rank_correlation
from training.units.new_subject import KEEPING_GATES, Gates, GateStudy
from training.units.questions import Questions
from training.units.reading import Stack, batch, watched
from training.units.selectivity import Selectivity, labelled_tokens, selectivities, with_interval
from training.units.subjects import LabelledStory, labelled

logger = logging.getLogger(__name__)

GROUP_SIZES = (1, 2, 4, 8, 16, 32, 64)
LEAST = {"top": 1, "controls": 2, "random_groups": 2}
"""Of these options, fewer say nothing."""
GATE_UNITS = 8
"""The gates of so many top units are averaged."""
LONGEST_EXAMPLE = 32
"""Tokens at most of the story that is drawn."""


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    top: int = 16
    """Units of each stack that the estimate chooses for exact ablation."""
    controls: int = 16
    """Random other units of each stack beside them."""
    random_groups: int = 8
    """Random groups beside each group of top units."""
    exact: bool = False
    """Ablate every unit exactly."""
    activation: str | None = None
    """What is held: None, the cell's memory; or hidden_state."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise EvaluationError(f"{name} is {getattr(self, name)}; expected {least} or more.")


@dataclass(frozen=True)
class Group:
    """Several units held together, and as many random others of the same stacks."""

    size: int
    top: Effect
    random: Sequence[Effect]
    share: float
    """Of what is lost when all units are held, what these lose."""


@dataclass(frozen=True)
class Measured:
    """The effects on one kind of questions."""

    name: str
    n_items: int
    n_places: int
    plain_log_odds: float
    plain_accuracy: float
    all_lost: float
    """Log-odds lost when all units of the network are held."""
    units: Mapping[Unit, Effect]
    groups: Sequence[Group]
    agreement: Mapping[str, float]
    """Spearman's rank correlation of estimate and exact effect: over the random controls, over all that were exact."""
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Study:
    """Everything that was found out about one bundle."""

    bundle: Bundle
    options: Options
    measured: Sequence[Measured]
    ranking: Mapping[str, Sequence[Unit]]
    """By stack its top units, the one that carries most first."""
    controls: Sequence[Unit]
    selectivity: Mapping[Unit, Selectivity]
    """Of every unit; with intervals for the ranked ones and the controls."""
    gates: Mapping[str, Mapping[str, GateStudy]]
    """By stack: `top` and `random`; empty for a cell without such a gate."""
    example: tuple[LabelledStory, dict[str, Floats]]
    """A story, and by stack the memory (T, K) of its top units, in the order of the text."""
    screening_recall: float | None
    """With every unit exact: the share of each stack's truly first `top` that the estimate had chosen."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """Hashes of data, versions and the like, for the report."""

    @property
    def activation(self) -> str:
        """What was held."""
        return self.options.activation or memory_of(self.bundle.network.cell)

    @property
    def n_units(self) -> int:
        """Of the network."""
        network = self.bundle.network
        return network.n_layers * len(network.directions) * network.hidden_size

    def effect(self, unit: Unit) -> float:
        """Log-odds lost without a unit, the mean over the kinds of questions."""
        return float(np.mean([one.units[unit].log_odds for one in self.measured]))

    def ranked(self) -> list[Unit]:
        """The top units of all stacks, the one that carries most first."""
        return sorted((u for units in self.ranking.values() for u in units), key=lambda u: -self.effect(u))


def study(
    bundle: Bundle, questions: Sequence[Questions], stories: Sequence[tuple[str, Story]], options: Options
) -> Study:
    """Measures a bundle. `questions`: mined ones, stories, or both; `stories`: (place, story) for 4 and 5.

    Raises EvaluationError where there is too little to divide into two halves.
    """
    halves = [one.halves(options.seed) for one in questions]
    for one, parts in zip(questions, halves, strict=True):
        if min(map(len, parts)) < 2:
            raise EvaluationError(
                f"{len(one)} {one.name} questions are too few: units are chosen on one half and "
                "measured on the other. Ask for more with --items or --stories."
            )
    guesses = [_estimates(bundle, first, options) for first, _ in halves]
    guess = {unit: float(np.mean([one[unit] for one in guesses])) for unit in guesses[0]}
    top, controls = _chosen(guess, options)
    exact = list(guess) if options.exact else [*(u for units in top.values() for u in units), *controls]
    order = sorted((u for units in top.values() for u in units), key=lambda u: -guess[u])
    measured = [_measured(bundle, second, exact, order, controls, guess, options) for _, second in halves]
    recall = _recall(measured, top, options.top) if options.exact else None
    ranking = {
        stack: sorted(units, key=lambda u: (-float(np.mean([m.units[u].log_odds for m in measured])), u.number))
        for stack, units in top.items()
    }
    choosing = {place for first, _ in halves for place in first.places}
    choosing |= set(sorted({place for place, _ in stories} - {p for one in questions for p in one.places})[::2])
    told, gates, example = _on_stories(bundle, stories, ranking, controls, choosing, options)
    return Study(bundle, options, measured, ranking, controls, told, gates, example, recall)


def _estimates(bundle: Bundle, questions: Questions, options: Options) -> dict[Unit, float]:
    ablation = Ablation(bundle, questions, options.activation)
    means = {stack: values.mean(0) for stack, values in ablation.estimated().items()}
    return {unit: float(means[unit.stack][unit.number]) for unit in ablation.units}


def _chosen(guess: Mapping[Unit, float], options: Options) -> tuple[dict[str, list[Unit]], list[Unit]]:
    """By stack the units with the largest estimates; and random others of each stack."""
    stacks: dict[str, list[Unit]] = {}
    for unit in guess:
        stacks.setdefault(unit.stack, []).append(unit)
    top, controls = {}, []
    for stack, units in stacks.items():
        units.sort(key=lambda u: (-guess[u], u.number))
        n_top = min(options.top, max(1, len(units) // 2))
        top[stack] = units[:n_top]
        rest = sorted(units[n_top:])
        controls += Random(f"{options.seed}/{stack}").sample(rest, min(options.controls, len(rest)))
    return top, sorted(controls)


def _measured(
    bundle: Bundle,
    questions: Questions,
    exact: Sequence[Unit],
    order: Sequence[Unit],
    controls: Sequence[Unit],
    guess: Mapping[Unit, float],
    options: Options,
) -> Measured:
    ablation = Ablation(bundle, questions, options.activation)
    places = Places(questions.places, options.seed)
    sizes = [size for size in GROUP_SIZES if size <= len(order)]
    groups: list[list[Unit]] = []
    for size in sizes:
        groups += [list(order[:size]), *_random_groups(order, size, list(guess), options)]
    everything = [*([unit] for unit in exact), *groups, list(guess)]
    with tqdm(total=len(everything), desc=f"{bundle.name}, {questions.name}", unit=" ablations", disable=None) as bar:
        lost = ablation.lost(everything, bar.update)
    units = dict(zip(exact, effects(lost[:, : len(exact)], ablation.plain, places, len(guess)), strict=True))
    together = effects(lost[:, len(exact) :], ablation.plain, places, len(groups) + 1)
    all_lost = together[-1].log_odds
    step = 1 + options.random_groups
    found = [
        Group(size, together[k * step], together[k * step + 1 : (k + 1) * step], _share(together[k * step], all_lost))
        for k, size in enumerate(sizes)
    ]
    estimates = {s: v.mean(0) for s, v in ablation.estimated().items()}

    def agreement(which: Sequence[Unit]) -> float:
        pairs = [(estimates[u.stack][u.number], units[u].log_odds) for u in which]
        return rank_correlation(*np.array(pairs, dtype=np.float64).reshape(-1, 2).T)

    return Measured(
        questions.name,
        len(questions),
        len(places.sizes),
        float(ablation.plain.mean()),
        accuracy(ablation.plain),
        all_lost,
        units,
        found,
        {"random units": agreement(controls), "all exact units": agreement(exact)},
        questions.dropped,
    )


def _random_groups(order: Sequence[Unit], size: int, units: Sequence[Unit], options: Options) -> list[list[Unit]]:
    """Groups of as many units of each stack as the first `size` of `order` have, none of which is one of `order`.

    Where a stack has too few others, all of them.
    """
    wanted: dict[str, int] = {}
    for unit in order[:size]:
        wanted[unit.stack] = wanted.get(unit.stack, 0) + 1
    others: dict[str, list[Unit]] = {stack: [] for stack in wanted}
    chosen = set(order)
    for unit in units:
        if unit.stack in others and unit not in chosen:
            others[unit.stack].append(unit)
    random = Random(f"{options.seed}/groups/{size}")
    return [
        [unit for stack, n in wanted.items() for unit in random.sample(others[stack], min(n, len(others[stack])))]
        for _ in range(options.random_groups)
    ]


def _share(effect: Effect, all_lost: float) -> float:
    return effect.log_odds / all_lost if abs(all_lost) > 1e-6 else math.nan


def _recall(measured: Sequence[Measured], top: Mapping[str, Sequence[Unit]], n_top: int) -> float:
    hits = total = 0
    for stack, chosen in top.items():
        units = [unit for unit in measured[0].units if unit.stack == stack]
        units.sort(key=lambda u: -float(np.mean([m.units[u].log_odds for m in measured])))
        truly = units[: min(n_top, len(chosen))]
        hits += len(set(truly) & set(chosen))
        total += len(truly)
    return hits / total


def _on_stories(
    bundle: Bundle,
    stories: Sequence[tuple[str, Story]],
    ranking: Mapping[str, Sequence[Unit]],
    controls: Sequence[Unit],
    choosing: set[str],
    options: Options,
) -> tuple[dict[Unit, Selectivity], dict[str, dict[str, GateStudy]], tuple[LabelledStory, dict[str, Floats]]]:
    """Selectivity of every unit, gates of the top ones, and the story that is drawn."""
    network = bundle.network
    activation = memory_of(network.cell)
    told: dict[Unit, Selectivity] = {}
    gates: dict[str, dict[str, GateStudy]] = {}
    drawn: dict[str, Floats] = {}
    shown = _example(bundle, stories)
    for direction in network.directions:
        stack = Stack(network, bundle.weights, direction, torch.float32)
        labels = [labelled(place, story, bundle.tokenizer, direction) for place, story in stories]
        keeping = Gates(stack, labels) if network.cell in KEEPING_GATES else None
        picture = labelled(*shown, bundle.tokenizer, direction)
        memory = watched(stack, batch([picture.ids]), (activation,))
        for layer, tokens in enumerate(labelled_tokens(stack, labels, activation)):
            key = f"layer{layer}.{direction}"
            numbers = [unit.number for unit in ranking[key]]
            others = [unit.number for unit in controls if unit.stack == key]
            for number, found in enumerate(selectivities(tokens, choosing)):
                if number in numbers or number in others:
                    found = with_interval(found, tokens, number, choosing, options.seed)
                told[Unit(layer, direction, number)] = found
            values = memory[layer, activation][:, 0, numbers[:GATE_UNITS]].numpy().astype(np.float64)
            drawn[key] = values if direction == "forward" else values[::-1]
            if keeping is not None:
                gates[key] = {
                    "top": keeping.study(layer, numbers[:GATE_UNITS], options.seed),
                    "random": keeping.study(layer, others[:GATE_UNITS] or numbers, options.seed),
                }
    return told, gates, (labelled(*shown, bundle.tokenizer, "forward"), drawn)


def _example(bundle: Bundle, stories: Sequence[tuple[str, Story]]) -> tuple[str, Story]:
    """The first story with a new subject of the other gender that is not too long to draw."""

    def is_short(story: Story) -> bool:
        return len(bundle.tokenizer.encode_ids(story.text)) <= LONGEST_EXAMPLE

    changing = [(p, s) for p, s in stories if len({event.gender for event in s.events}) > 1]
    return next((one for one in changing if is_short(one[1])), (changing or list(stories))[0])
