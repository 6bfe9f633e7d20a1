"""`anaphora bench train`: tokens a second of this trainer beside the loop a user would otherwise write.

The plain loop is torch's own word-language-model example: fused layers in float32, the cross-entropy of every token
through log_softmax over the whole vocabulary, SGD. Same structure, sizes and tokens; the two run step by step in turn,
and the median of the ratios is printed. Then where the seconds of a step of ours go, and which share of the machine's
matrix products it uses. Ids are drawn from Zipf's law, so nothing but the program is needed.
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
from typing import Any

import numpy as np
import torch

from model.language_model import load
from model.network import FUSED
from model.tokenizer import Tokenizer
from model.whole_number import whole_number
from training import bench_loss, bench_memory
from training.bench_step import PARTS, Stopwatch, operations, product_rate
from training.config import CHOICES, TrainingConfig
from training.loop import Trainer
from training.plain_loop import PlainLoop
from training.pronouns import load_pairs
from training.shards import TokenShards

N_TOKENS = 400_000


def main(argv: Sequence[str]) -> int:
    """Tokens a second of both and their ratio, at this trainer's default and with every token in the loss; the parts of
    a step; the share of the machine's matrix products."""
    arguments = _parser().parse_args(argv)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.processor_time else time.perf_counter
    record: dict[str, Any] = {
        "baseline": "plain torch loop: float32, full cross-entropy through log_softmax, SGD",
        "settings": {name: value for name, value in vars(arguments).items() if name != "json"},
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
        },
        "results": [],
    }
    tokenizer = load(arguments.model).tokenizer
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens = zipf_shards(folder, tokenizer)
        shares = [TrainingConfig().language_model_share, 1.0] if arguments.share is None else [arguments.share]
        for share in shares:
            figures = _measure(arguments, share, tokenizer, tokens, folder, clock)
            record["results"].append(figures)
            sys.stdout.write(_text(arguments, figures))
        if arguments.loss_seeds:
            followed = zipf_shards(folder, tokenizer, share_that_follows=0.5)
            record["loss"] = []
            for share in shares:
                losses = bench_loss.same_losses(
                    arguments.cell,
                    arguments.precision,
                    arguments.loss_steps,
                    arguments.loss_seeds,
                    tokenizer,
                    followed,
                    folder,
                    share,
                )
                record["loss"].append(losses)
                sys.stdout.write(bench_loss.table(losses))
    if arguments.memory:
        record["memory"] = bench_memory.peaks()
        sys.stdout.write(bench_memory.table(record["memory"]))
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anaphora bench train", description=main.__doc__)
    parser.add_argument("--model", default="en-lstm", help="whose tokenizer is used")
    parser.add_argument("--cell", choices=tuple(FUSED), default="lstm")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=256, help="units of a layer, and length of a piece's vector")
    parser.add_argument("--rows", type=whole_number(), default=64)
    parser.add_argument("--bptt-steps", type=whole_number(), default=64)
    parser.add_argument("--precision", choices=CHOICES["precision"], default="auto", help="of our matrix products")
    parser.add_argument("--share", type=float, help="share of places of the language model's loss (default: both)")
    parser.add_argument("--threads", type=whole_number(), help="threads of torch (default: its own choice)")
    parser.add_argument("--repeats", type=whole_number(), default=7, help="pairs of steps that are timed")
    parser.add_argument(
        "--processor-time", action="store_true", help="seconds of the processor, not the clock's: for a busy machine"
    )
    parser.add_argument(
        "--loss-seeds", type=whole_number(0), default=0, metavar="N", help="also compare the losses, N times"
    )
    parser.add_argument("--loss-steps", type=whole_number(), default=200, metavar="N", help="after so many steps")
    parser.add_argument("--memory", action="store_true", help="also peak memory by vocabulary and by corpus")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to a file")
    return parser


def zipf_shards(folder: Path, tokenizer: Tokenizer, share_that_follows: float = 0.0) -> TokenShards:
    """One document of ids drawn with probability 1 / rank; a share of them follows from the id before instead."""
    random = np.random.default_rng(0)
    n_words = tokenizer.vocabulary_size - 4
    ranks = 1 / np.arange(1, n_words + 1)
    ids = random.choice(n_words, N_TOKENS, p=ranks / ranks.sum())
    if share_that_follows:
        following = random.permutation(n_words)
        for place in np.flatnonzero(random.random(N_TOKENS - 1) < share_that_follows) + 1:
            ids[place] = following[ids[place - 1]]
    ids = np.concatenate([[tokenizer.begin_id], ids + 4, [tokenizer.end_id]]).astype("<u4")
    name = f"tokens-{share_that_follows}.bin"
    ids.tofile(folder / name)
    np.save(folder / "documents.npy", np.zeros(1, dtype=np.int64))
    return TokenShards(folder, {"dtype": "<u4", "shards": [{"name": name}]})


def _measure(
    arguments: argparse.Namespace,
    share: float,
    tokenizer: Tokenizer,
    tokens: TokenShards,
    folder: Path,
    clock: Callable[[], float],
) -> dict[str, Any]:
    config = TrainingConfig(
        cell=arguments.cell,
        direction="causal",
        layers=arguments.layers,
        hidden=arguments.hidden,
        embedding=arguments.hidden,
        rows=arguments.rows,
        bptt_steps=arguments.bptt_steps,
        least_right_context=0,
        fragment_share=0.0,  # whole windows, as the plain loop reads them
        language_model_share=share,
        precision=arguments.precision,
        steps=1_000_000,
    )
    trainer = Trainer(config, tokenizer, tokens, None, load_pairs(), folder / "run")
    plain = PlainLoop(config, tokenizer.vocabulary_size)
    window = tokens.read(0, config.rows * (config.bptt_steps + 1)).reshape(config.rows, -1)
    plain_step = plain.stepper(torch.from_numpy(window.T.copy()))
    ours, baseline = _paired(trainer.step, plain_step, arguments.repeats, clock)
    n_tokens = config.rows * config.bptt_steps
    seconds = statistics.median(ours)
    parts = Stopwatch(trainer, clock).medians(arguments.repeats)
    rates = {"bf16": product_rate(torch.bfloat16, clock), "float32": product_rate(torch.float32, clock)}
    work = operations(trainer.network.config, n_tokens, share)
    return {
        "language_model_share": share,
        "precision": trainer.precision.name,
        "tokens_per_second": n_tokens / seconds,
        "baseline_tokens_per_second": n_tokens / statistics.median(baseline),
        "ratio": statistics.median(theirs / own for own, theirs in zip(ours, baseline, strict=True)),
        "seconds": parts,
        "operations_per_second": work / seconds,
        "matrix_product_operations_per_second": rates,
        "share_of_matrix_products": work / seconds / rates[trainer.precision.name],
    }


def _paired(
    ours: Callable[[], None], baseline: Callable[[], None], repeats: int, clock: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Seconds of each call, the two run in turn after one call of each that is not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for function, seconds in zip((ours, baseline), times, strict=True):
            started = clock()
            function()
            if repeat:
                seconds.append(clock() - started)
    return times


def _text(arguments: argparse.Namespace, figures: dict[str, Any]) -> str:
    seconds = figures["seconds"]
    whole = sum(seconds.values())
    parts = ", ".join(f"{part} {1000 * seconds[part]:,.0f} ms ({seconds[part] / whole:.0%})" for part in PARTS)
    rates = figures["matrix_product_operations_per_second"]
    return (
        f"{arguments.cell} {arguments.layers} x {arguments.hidden}, {figures['precision']}, language-model loss at "
        f"{figures['language_model_share']:.0%} of places: {figures['tokens_per_second']:,.0f} tokens/s; "
        f"plain loop {figures['baseline_tokens_per_second']:,.0f}; ratio {figures['ratio']:.2f} "
        f"(median of {arguments.repeats} pairs of steps)\n"
        f"  a step: {parts}\n"
        f"  matrix products at {figures['operations_per_second'] / 1e9:,.0f} GFLOP/s, "
        f"{figures['share_of_matrix_products']:.0%} of this machine's large products in {figures['precision']} "
        f"(bf16 {rates['bf16'] / 1e9:,.0f}, float32 {rates['float32'] / 1e9:,.0f} GFLOP/s)\n"
    )
