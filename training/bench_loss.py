"""Whether the trainer's short cuts cost anything: its loss after the same tokens beside that of the plain loop.

Same first weights, batches, optimiser and schedule. What differs is the share of the places at which the trainer takes
its loss, the precision, the chunks, and the order of sums. Both are then measured alike: by the plain twin, every piece
of batches that neither was trained on.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.tokenizer import Tokenizer
from training.batches import Batch
from training.config import TrainingConfig
from training.loop import Trainer
from training.plain_loop import PlainTwin
from training.pronouns import load_pairs
from training.shards import TokenShards

N_MEASURED = 20
"""Batches that both are measured on in the end."""
SMALL = TrainingConfig(
    direction="causal",
    layers=2,
    hidden=64,
    embedding=64,
    rows=16,
    bptt_steps=32,
    least_right_context=0,
    fragment_share=0.0,
    language_model_share=1.0,
    contrast_weight=0.0,
    dropout=0.0,
    learning_rate=0.005,
    warmup_steps=20,
)


def same_losses(
    cell: str,
    precision: str,
    n_steps: int,
    n_seeds: int,
    tokenizer: Tokenizer,
    tokens: TokenShards,
    folder: Path,
    share: float = 1.0,
) -> dict[str, Any]:
    """Nats of each seed's run by the trainer, its loss taken at a `share` of the places, and by the plain loop; the
    differences' mean and deviation.
    """
    runs = []
    for seed in range(1, n_seeds + 1):
        config = replace(SMALL, cell=cell, precision=precision, steps=n_steps, seed=seed, language_model_share=share)
        trainer = Trainer(config, tokenizer, tokens, None, load_pairs(), folder / "run")
        runs.append(_losses(trainer, config, n_steps))
    differences = [run["ours"] - run["plain"] for run in runs]
    return {
        "n_steps": n_steps,
        "precision": precision,
        "language_model_share": share,
        "runs": runs,
        "mean_difference": statistics.mean(differences),
        "deviation_of_differences": statistics.stdev(differences) if len(runs) > 1 else None,
        "deviation_of_seeds": statistics.stdev(run["plain"] for run in runs) if len(runs) > 1 else None,
    }


def _losses(trainer: Trainer, config: TrainingConfig, n_steps: int) -> dict[str, float]:
    twin = PlainTwin(trainer.network, config)
    read: list[Batch] = []
    next_batch = trainer.batches.next

    def noted() -> Batch:
        read.append(next_batch())
        return read[-1]

    setattr(trainer.batches, "next", noted)  # noqa: B010 - a method may not be assigned to
    ours, plain = [], []
    trainer.network.train()
    for _ in range(n_steps):
        trainer.step()
        ours.append(trainer._recent[-1]["left"])
        plain.append(twin.step(read.pop(), trainer.optimiser.param_groups[0]["lr"]))
    trained = PlainTwin(trainer.network, config)
    twin.state = ()
    measured = [
        (trained.step(batch, 0.0), twin.step(batch, 0.0)) for batch in (next_batch() for _ in range(N_MEASURED))
    ]
    mean_ours, mean_plain = (statistics.mean(losses) for losses in zip(*measured, strict=True))
    return {
        "first": ours[0],
        "first_plain": plain[0],
        "last": ours[-1],
        "last_plain": plain[-1],
        "ours": mean_ours,
        "plain": mean_plain,
    }


def table(record: dict[str, Any]) -> str:
    """The figures as lines of text."""
    lines = [
        f"loss at {record['language_model_share']:.0%} of places: nats of the first step, and of every piece of "
        f"{N_MEASURED} batches afterwards:",
        f"{'seed':>6} {'first':>8} {'ours':>8} {'plain':>8} {'difference':>11}",
    ]
    for seed, run in enumerate(record["runs"], start=1):
        difference = run["ours"] - run["plain"]
        lines.append(f"{seed:6} {run['first']:8.4f} {run['ours']:8.4f} {run['plain']:8.4f} {difference:+11.4f}")
    lines.append(
        f"after {record['n_steps']} steps at precision {record['precision']}: mean difference "
        f"{record['mean_difference']:+.4f}; from seed to seed the plain loop's loss deviates by "
        f"{record['deviation_of_seeds'] or 0:.4f}"
    )
    return "\n".join(lines) + "\n"
