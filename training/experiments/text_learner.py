"""A small language model on a small slice of text: every next word from all before it, by truncated BPTT.

A loop of a few lines around the trainer's network and optimiser; the trainer itself does more than an experiment of
minutes needs. Knows networks and text; knows neither claims nor figures. Letters: T words of a window, B rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import NetworkConfig
from model.network import Network, TorchState
from training.corpus import read_documents
from training.errors import ExperimentError
from training.experiments.learner import Recipe, descend, new_network
from training.fit_tokenizer import fit_tokenizer
from training.optimisation import make_optimiser
from training.stories import story_documents

VOCABULARY_SIZE = 1000
VALID_ROWS = 8


@dataclass(frozen=True)
class TextSlice:
    """The beginning of some texts as ids of words, in three parts that do not overlap."""

    vocabulary_size: int
    training: NDArray[np.int64]
    tuning: NDArray[np.int64]
    """Learning rates are chosen by the loss here."""
    valid: NDArray[np.int64]
    """Figures come from here."""


@dataclass(frozen=True)
class TextRecipe(Recipe):
    """The same for windows of text, whose loss is looked at now and then."""

    steps: int = 240
    rows: int = 16
    bptt_steps: int = 32
    rates: tuple[float, ...] = (0.003, 0.01, 0.03)
    looks: tuple[float, ...] = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
    """After which shares of the steps the loss is measured."""


@dataclass(frozen=True)
class Look:
    """What was seen at one moment of a training."""

    n_tokens: int
    seconds: float
    """Of the processor, in training alone."""
    nats: float
    """Mean loss a word on the held-out part."""


def read_slice(data: Sequence[str], n_training: int, n_held_out: int) -> TextSlice:
    """The first words of the texts, or of the shipped grammar's stories where there are none; every document begins
    a new line. The vocabulary is the 1,000 most frequent pieces of nine tenths of it, a part of
    what is held out among them: that tells which words there are, and is the same for all cells.

    Raises CorpusError for texts that cannot be read, ExperimentError for fewer words than twice the held-out parts.
    """
    wanted = n_training + 2 * n_held_out
    lines: list[str] = []
    n_words = 0
    documents = read_documents(list(data)) if data else story_documents(wanted, seed=0)
    for paragraph in (paragraph for document in documents for paragraph in document.paragraphs):
        lines.append(paragraph)
        n_words += len(paragraph.split())
        if n_words >= wanted:
            break
    tokenizer = fit_tokenizer(lines[: max(1, len(lines) * 9 // 10)], "word", VOCABULARY_SIZE)
    ids = np.array(tokenizer.encode_ids("\n".join(lines)), np.int64)[:wanted]
    if len(ids) < 4 * n_held_out:
        raise ExperimentError(
            f"the texts have {len(ids):,} words and marks; this experiment needs at least {4 * n_held_out:,}. "
            "Give more text with --data."
        )
    n = len(ids) - 2 * n_held_out
    return TextSlice(tokenizer.vocabulary_size, ids[:n], ids[n : n + n_held_out], ids[n + n_held_out :])


def learn_text(
    config: NetworkConfig,
    text: NDArray[np.int64],
    held_out: NDArray[np.int64],
    recipe: TextRecipe,
    rate: float,
    seed: int,
) -> list[Look]:
    """Trains a new network on the text and looks at the held-out loss now and then. Raises DivergedError.

    The seed gives the weights and where in the text each row begins; rows read on from there and carry their state.
    """
    network = new_network(config, recipe.initial, seed)
    optimiser = make_optimiser(network, rate, recipe.weight_decay)
    places = np.random.default_rng([seed, 1]).integers(len(text), size=recipe.rows)
    state = network.initial_state(recipe.rows)
    looks_at = {max(1, round(share * recipe.steps)) for share in recipe.looks}
    looks, seconds = [], 0.0
    for step in range(recipe.steps):
        started = time.process_time()
        window = text[(places[None] + np.arange(recipe.bptt_steps + 1)[:, None]) % len(text)]  # (T + 1, B)
        places = (places + recipe.bptt_steps) % len(text)
        loss, state = _loss(network, torch.from_numpy(window), state)
        descend(network, optimiser, loss, recipe, rate, step)
        state = [tuple(part.detach() for part in layer) for layer in state]
        seconds += time.process_time() - started
        if step + 1 in looks_at:
            n_tokens = (step + 1) * recipe.rows * recipe.bptt_steps
            looks.append(Look(n_tokens, seconds, mean_nats(network, held_out)))
    return looks


@torch.no_grad()
def mean_nats(network: Network, text: NDArray[np.int64]) -> float:
    """Of every next word of a text that is read in a few rows, each from the initial state."""
    n_rows = min(VALID_ROWS, len(text) // 2)
    rows = text[: len(text) // n_rows * n_rows].reshape(n_rows, -1).T.copy()  # (T + 1, B)
    return float(_loss(network, torch.from_numpy(rows), network.initial_state(n_rows))[0])


def _loss(network: Network, window: Tensor, state: TorchState) -> tuple[Tensor, TorchState]:
    """Mean nats of words 1 ... T of a window (T + 1, B), each from those before it, and the state after word T - 1."""
    hidden, after = network.read("forward", window[:-1], state)
    stated = network.log_probabilities(network.readout(hidden[-1].flatten(0, 1)))  # (T * B, V)
    return torch.nn.functional.nll_loss(stated, window[1:].flatten()), after
