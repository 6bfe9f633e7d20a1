"""A trainer of a few units on a few sentences, and what its tests ask of it; the fixture `new_trainer` makes them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tests.tiny import SENTENCES
from training.checkpoint import optimiser_tensors
from training.config import TrainingConfig
from training.loop import Trainer

TEMPLATES = (
    "{name} said that {pronoun} was tired.",
    "{name} was late because {pronoun} lost the book.",
    "The old man asked {name} when {pronoun} was leaving.",
    "{name} packed the bag, and {pronoun} opened the door.",
)
TOY = [
    template.format(name=name, pronoun=pronoun)
    for template in TEMPLATES
    for name, pronoun in (("Mary", "she"), ("Tom", "he"))
]
"""Eight documents of one sentence each, whose pronoun follows from the name before it."""
LONG = ["\n".join(SENTENCES), "\n".join(SENTENCES[::-1])]

SMALL = TrainingConfig(
    tokenizer="word",
    vocabulary=160,
    layers=1,
    hidden=16,
    embedding=12,
    rows=6,
    bptt_steps=16,
    least_right_context=3,
    language_model_share=0.5,
    learning_rate=0.02,
    warmup_steps=4,
    steps=8,
)

NewTrainer = Callable[..., Trainer]


def nothing(trainer: Trainer) -> None:
    """A listener that does nothing."""


def stop_at(step: int) -> Callable[[Trainer], None]:
    """A listener that asks for the end after that step."""

    def listener(trainer: Trainer) -> None:
        trainer.stop_requested = trainer.n_steps == step

    return listener


def assert_same_run(ours: Trainer, theirs: Trainer) -> None:
    """Bit for bit: weights, optimiser, carried states, random numbers, places in the corpus."""
    assert (ours.n_steps, ours.n_tokens) == (theirs.n_steps, theirs.n_tokens)
    for name, weight in ours.network.named_weights().items():
        assert torch.equal(weight, theirs.network.named_weights()[name]), name
    averages, other = optimiser_tensors(ours.optimiser), optimiser_tensors(theirs.optimiser)
    assert averages.keys() == other.keys()
    assert all(torch.equal(averages[name], other[name]) for name in averages)
    for layer, its in zip(ours.carried, theirs.carried, strict=True):
        assert all(torch.equal(part, of_it) for part, of_it in zip(layer, its, strict=True))
    assert ours.batches.state_dict() == theirs.batches.state_dict()
