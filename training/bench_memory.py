"""How much memory a training step takes, by the size of the vocabulary and of the corpus; each in its own process."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.config import NetworkConfig
from model.language_model import load
from model.network import Network
from training.batches import collate
from training.config import TrainingConfig
from training.loop import Trainer
from training.objective import HiddenStates, Objective
from training.optimisation import make_optimiser
from training.places import Asked, Places
from training.plain_loop import PlainLoop
from training.pronouns import load_pairs
from training.shards import TokenShards
from training.usage import memory_of

VOCABULARIES = (8_192, 32_768)
CORPUS_TOKENS = (10**6, 10**8)
ROWS, STEPS, HIDDEN = 32, 64, 128
MEGABYTE = 10**6


def peaks() -> dict[str, Any]:
    """Megabytes beyond what the process held before: of a step by vocabulary, ours and plain, and by corpus."""
    vocabularies = []
    for n_pieces in VOCABULARIES:
        weights = (n_pieces * (HIDDEN + 1)) * 4 * 4 / MEGABYTE  # float32: weights, gradients and AdamW's two averages
        vocabularies.append(
            {
                "vocabulary": n_pieces,
                "ours": _in_a_process(_step, n_pieces),
                "of_which_weights": weights,
                "plain": _in_a_process(_plain_step, n_pieces),
            }
        )
    corpora = [{"tokens": n_tokens, "ours": _in_a_process(_read, n_tokens)} for n_tokens in CORPUS_TOKENS]
    return {"by_vocabulary": vocabularies, "by_corpus": corpora}


def _in_a_process(work: Callable[[int], float], size: int) -> float:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, size).result()


def _grown(work: Callable[[], object]) -> float:
    before = memory_of()[0]
    work()
    return (memory_of()[1] - before) / MEGABYTE


def _config() -> TrainingConfig:
    return TrainingConfig(
        direction="causal",
        hidden=HIDDEN,
        embedding=HIDDEN,
        rows=ROWS,
        bptt_steps=STEPS,
        fragment_share=0.0,
        language_model_share=1.0,
        steps=10**6,
    )


def _step(n_pieces: int) -> float:
    """Two steps of the objective on random ids, every place asked."""

    def work() -> None:
        network = Network(NetworkConfig(2, "causal", HIDDEN, HIDDEN, n_pieces, "lstm"))
        optimiser = make_optimiser(network, 0.001, 0.01)
        ids = np.random.default_rng(0).integers(4, n_pieces, (ROWS, STEPS))
        batch = collate(list(ids), [True] * ROWS, [False] * ROWS)
        row, time = (index.ravel() for index in np.indices(ids.shape))
        none = np.zeros(0, dtype=np.int64)
        nowhere = Places(none, none, none)
        left = Places(row, time, time + 1)
        no_contrasts = (nowhere, none, none, none, none, none[:, None], none > 0)
        asked = Asked(left, ids.ravel(), nowhere, none, *no_contrasts)
        objective = Objective(network, np.zeros(n_pieces, dtype=bool))
        for _ in range(2):
            loss = objective.losses(HiddenStates(network, batch, network.initial_state(ROWS)), asked).left
            assert loss is not None
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    return _grown(work)


def _plain_step(n_pieces: int) -> float:
    def work() -> None:
        ids = torch.from_numpy(np.random.default_rng(0).integers(4, n_pieces, (STEPS + 1, ROWS)))
        step = PlainLoop(_config(), n_pieces).stepper(ids)
        for _ in range(2):
            step()

    return _grown(work)


def _read(n_tokens: int) -> float:
    """Five steps of a trainer on a corpus of so many tokens."""
    tokenizer = load("en-lstm").tokenizer
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        block = np.random.default_rng(0).integers(4, tokenizer.vocabulary_size, 10**6).astype("<u2")
        with (folder / "tokens-00000.bin").open("wb") as file:
            for _ in range(n_tokens // len(block)):
                file.write(block.tobytes())
        np.save(folder / "documents.npy", np.zeros(1, dtype=np.int64))
        tokens = TokenShards(folder, {"dtype": "<u2", "shards": [{"name": "tokens-00000.bin"}]})

        def work() -> None:
            trainer = Trainer(_config(), tokenizer, tokens, None, load_pairs(), folder / "run")
            for _ in range(5):
                trainer.step()

        return _grown(work)


def table(record: dict[str, Any]) -> str:
    """The figures as lines of text."""
    lines = [f"peak memory of steps of {ROWS} x {STEPS} tokens, 2 x {HIDDEN} LSTM, every place in the loss; megabytes:"]
    for row in record["by_vocabulary"]:
        lines.append(
            f"  vocabulary {row['vocabulary']:,}: {row['ours']:,.0f}, of which {row['of_which_weights']:,.0f} are "
            f"weights, gradients and averages; plain loop {row['plain']:,.0f}"
        )
    for row in record["by_corpus"]:
        lines.append(f"  corpus of {row['tokens']:,} tokens: {row['ours']:,.0f}")
    return "\n".join(lines) + "\n"
