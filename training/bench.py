"""`anaphora bench train`: tokens a second of this trainer beside the loop a user would otherwise write.

The plain loop is torch's own word-language-model example: fused layers in float32, the cross-entropy of every token
through log_softmax over the whole vocabulary, SGD. Same structure, sizes and tokens; the two run step by step in turn,
and the median of the ratios is printed. Ids are drawn from Zipf's law, so nothing but the program is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from model.language_model import load
from model.network import FUSED
from model.tokenizer import Tokenizer
from training.config import TrainingConfig
from training.loop import Trainer
from training.pronouns import load_pairs
from training.shards import TokenShards

N_TOKENS = 400_000


def main(argv: Sequence[str]) -> int:
    """Prints tokens a second of both and their ratio, at this trainer's default and with every token in the loss."""
    arguments = _parser().parse_args(argv)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    results: list[dict[str, float]] = []
    record = {
        "baseline": "plain torch loop: float32, full cross-entropy through log_softmax, SGD",
        "settings": {name: value for name, value in vars(arguments).items() if name != "json"},
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
        },
        "results": results,
    }
    tokenizer = load(arguments.model).tokenizer
    with tempfile.TemporaryDirectory() as folder:
        tokens = zipf_shards(Path(folder), tokenizer)
        shares = [TrainingConfig().language_model_share, 1.0] if arguments.share is None else [arguments.share]
        for share in shares:
            figures = _measure(arguments, share, tokenizer, tokens, Path(folder))
            results.append(figures)
            sys.stdout.write(
                f"{arguments.cell} {arguments.layers} x {arguments.hidden}, language-model loss at {share:.0%} of "
                f"places: {figures['tokens_per_second']:,.0f} tokens/s; "
                f"plain loop {figures['baseline_tokens_per_second']:,.0f}; ratio {figures['ratio']:.2f} "
                f"(median of {arguments.repeats} pairs of steps)\n"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anaphora bench train", description=main.__doc__)
    parser.add_argument("--model", default="en-lstm", help="whose tokenizer is used")
    parser.add_argument("--cell", choices=tuple(FUSED), default="lstm")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=256, help="units of a layer, and length of a piece's vector")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--bptt-steps", type=int, default=64)
    parser.add_argument("--share", type=float, help="share of places of the language model's loss (default: both)")
    parser.add_argument("--threads", type=int, help="threads of torch (default: its own choice)")
    parser.add_argument("--repeats", type=int, default=7, help="pairs of steps that are timed")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to a file")
    return parser


def zipf_shards(folder: Path, tokenizer: Tokenizer) -> TokenShards:
    """One document of ids drawn with probability 1 / rank."""
    ranks = 1 / np.arange(1, tokenizer.vocabulary_size - 3)
    ids = np.random.default_rng(0).choice(len(ranks), N_TOKENS, p=ranks / ranks.sum()) + 4
    ids = np.concatenate([[tokenizer.begin_id], ids, [tokenizer.end_id]]).astype("<u4")
    ids.tofile(folder / "tokens-00000.bin")
    np.save(folder / "documents.npy", np.zeros(1, dtype=np.int64))
    return TokenShards(folder, {"dtype": "<u4", "shards": [{"name": "tokens-00000.bin"}]})


def _measure(
    arguments: argparse.Namespace, share: float, tokenizer: Tokenizer, tokens: TokenShards, folder: Path
) -> dict[str, float]:
    config = TrainingConfig(
        cell=arguments.cell,
        direction="causal",
        layers=arguments.layers,
        hidden=arguments.hidden,
        embedding=arguments.hidden,
        rows=arguments.rows,
        bptt_steps=arguments.bptt_steps,
        fragment_share=0.0,  # whole windows, as the plain loop reads them
        language_model_share=share,
        steps=1_000_000,
    )
    trainer = Trainer(config, tokenizer, tokens, None, load_pairs(), folder / "run")
    plain = PlainLoop(config, tokenizer.vocabulary_size)
    window = tokens.read(0, config.rows * (config.bptt_steps + 1)).reshape(config.rows, -1)
    plain_step = plain.stepper(torch.from_numpy(window.T.copy()))
    ours, baseline = _paired(trainer.step, plain_step, arguments.repeats)
    n_tokens = config.rows * config.bptt_steps
    return {
        "language_model_share": share,
        "tokens_per_second": n_tokens / statistics.median(ours),
        "baseline_tokens_per_second": n_tokens / statistics.median(baseline),
        "ratio": statistics.median(theirs / own for own, theirs in zip(ours, baseline, strict=True)),
    }


class PlainLoop(nn.Module):
    """What a user would write: embedding, fused layers, tied output, SGD."""

    def __init__(self, config: TrainingConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, config.hidden)
        self.recurrent = FUSED[config.cell](config.hidden, config.hidden, config.layers)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.clip = config.gradient_clip

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(T, B) ids -> (T, B, V) log-probabilities of the next."""
        hidden, _ = self.recurrent(self.embedding(ids))
        return F.log_softmax(hidden @ self.embedding.weight.t() + self.bias, dim=-1)

    def stepper(self, ids: torch.Tensor) -> Callable[[], None]:
        """A function that makes one step on ids (T + 1, B)."""
        optimiser = torch.optim.SGD(self.parameters(), lr=0.1)

        def step() -> None:
            optimiser.zero_grad()
            loss: torch.Tensor = F.nll_loss(self(ids[:-1]).flatten(0, 1), ids[1:].flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.parameters(), self.clip)
            optimiser.step()

        return step


def _paired(ours: Callable[[], None], baseline: Callable[[], None], repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of each call, the two run in turn after one call of each that is not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for function, seconds in zip((ours, baseline), times, strict=True):
            started = time.perf_counter()
            function()
            if repeat:
                seconds.append(time.perf_counter() - started)
    return times
