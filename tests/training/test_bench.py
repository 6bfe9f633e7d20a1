"""The benchmarks say what they promise; how fast a machine is is no test's business."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.config import NetworkConfig
from tests.tiny import SENTENCES, tiny_tokenizer
from training import bench, bench_loss, bench_prepare
from training.batches import collate
from training.bench_loss import SMALL, same_losses
from training.bench_step import PARTS, Stopwatch, operations, product_rate
from training.loop import Trainer
from training.plain_loop import PlainTwin
from training.pronouns import load_pairs
from training.usage import memory_of

TINY = ["--hidden", "8", "--rows", "4", "--bptt-steps", "8", "--repeats", "1", "--threads", "1"]


@pytest.fixture(autouse=True)
def _threads() -> Any:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_training_is_told_in_speed_parts_and_share_of_products(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "train.json"
    assert bench.main([*TINY, "--cell", "gru", "--precision", "float32", "--json", str(written)]) == 0
    said = capsys.readouterr().out
    assert said.count("tokens/s; plain loop") == said.count("a step: data") == said.count("GFLOP/s, ") == 2
    first, second = json.loads(written.read_text())["results"]
    assert (first["language_model_share"], second["language_model_share"]) == (0.12, 1.0)
    for figures in (first, second):
        assert list(figures["seconds"]) == list(PARTS)
        assert all(seconds >= 0 for seconds in figures["seconds"].values())
        assert figures["seconds"]["recurrent"] > 0 < figures["seconds"]["output layer"]
        rate = figures["matrix_product_operations_per_second"]["float32"]
        assert figures["share_of_matrix_products"] == pytest.approx(figures["operations_per_second"] / rate)


def _trainer(tmp_path: Path, **changed: Any) -> Trainer:
    tokenizer = tiny_tokenizer("word")
    tokens = bench.zipf_shards(tmp_path, tokenizer, share_that_follows=0.5)
    config = replace(SMALL, hidden=8, embedding=8, rows=4, bptt_steps=8, steps=100, precision="float32", **changed)
    return Trainer(config, tokenizer, tokens, None, load_pairs(), tmp_path / "run")


def _counted() -> Callable[[], float]:
    """A clock that goes on by one second each time it is asked."""
    seconds = iter(range(10**6))
    return lambda: float(next(seconds))


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_the_parts_make_up_the_step_and_timing_changes_nothing(tmp_path: Path, direction: str) -> None:
    timed, plain = _trainer(tmp_path, direction=direction), _trainer(tmp_path, direction=direction)
    seconds = Stopwatch(timed, _counted()).step()
    plain.step()
    assert all(torch.equal(a, b) for a, b in zip(timed.network.parameters(), plain.network.parameters(), strict=True))
    n_parameters = len(list(timed.network.parameters()))
    n_reads = len(timed.network.config.directions)
    # Ticks: start; next, find, each reading, losses: two each; the first hook; a hook a parameter; the end.
    assert sum(seconds.values()) == 1 + 2 * (3 + n_reads) + 1 + n_parameters
    assert seconds["data"] == 2
    n_output = n_reads + 2  # parameters that the output layer alone has: projections and two biases
    assert seconds["output layer"] == 1 + n_output + 1
    assert seconds["optimizer"] == 1
    assert seconds["recurrent"] == n_reads + n_parameters - n_output


def test_operations_are_those_of_the_matrix_products() -> None:
    config = NetworkConfig(
        cell="gru", n_layers=2, direction="causal", vocabulary_size=11, embedding_size=3, hidden_size=5
    )
    by_hand = 2 * (15 * (3 + 5) + 15 * (5 + 5)) + 0.5 * 2 * (5 * 3 + 3 * 11)
    assert operations(config, n_tokens=7, share=0.5) == 3 * 7 * by_hand


def test_the_rate_of_products_is_measured_by_the_clock_that_is_given() -> None:
    assert product_rate(torch.float32, _counted()) == 2 * 1024**3


def test_the_plain_loop_gets_the_same_losses_in_float32(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = bench.zipf_shards(tmp_path, tokenizer, share_that_follows=0.5)
    record = same_losses("lstm", "float32", 12, 2, tokenizer, tokens, tmp_path)
    for run in record["runs"]:
        assert run["first"] == pytest.approx(run["first_plain"], abs=1e-5)  # float32 sums in another order
        assert run["ours"] == pytest.approx(run["plain"], abs=1e-3)
        assert run["ours"] < run["first"] - 0.02
    assert record["runs"][0] != record["runs"][1]
    assert "mean difference" in bench_loss.table(record)


def test_a_loss_at_a_share_of_the_places_is_measured_at_every_place(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = bench.zipf_shards(tmp_path, tokenizer, share_that_follows=0.5)
    (run,) = same_losses("gru", "float32", 12, 1, tokenizer, tokens, tmp_path, 0.25)["runs"]
    assert abs(run["last"] - run["last_plain"]) > 1e-3  # a quarter of the places is not all of them
    assert 1e-6 < abs(run["ours"] - run["plain"]) < 0.1


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_the_twin_carries_its_state_as_the_trainer_does(tmp_path: Path, cell: str) -> None:
    trainer = _trainer(tmp_path, cell=cell, learning_rate=1e-9)
    losses = bench_loss._losses(trainer, trainer.config, 4)
    assert losses["last"] == pytest.approx(losses["last_plain"], abs=1e-5)
    assert losses["ours"] == pytest.approx(losses["plain"], abs=1e-5)


def test_a_preparation_is_told_by_tenths_and_goes_on_in_a_kept_folder(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("\n".join(SENTENCES), encoding="utf-8")
    words = f"--megabytes 5 --workers 1 --memory 1500 --source {source} --folder {tmp_path / 'kept'}".split()
    written = tmp_path / "prepare.json"
    # In a process of its own, because the limit of its memory stays.
    command = [sys.executable, "-m", "anaphora", "bench", "prepare", *words, "--json", str(written)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(bench.__file__).parents[1])
    assert said.returncode == 0, said.stderr
    record = json.loads(written.read_text())
    assert 9 <= len(record["parts"]) <= 11
    assert sum(line.endswith(f"{record['parts'][0]['megabytes_held']:,.0f}") for line in said.stdout.splitlines())
    assert (tmp_path / "kept" / "text.txt").stat().st_size <= 5_000_000
    assert record["n_tokens"] == np.load(tmp_path / "kept" / "shards" / "documents.npy").size * 0 + record["n_tokens"]


def test_a_text_is_repeated_to_the_size_and_ends_with_a_whole_line(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("Él dijo que sí.\n" * 1000, encoding="utf-8")
    path = tmp_path / "text.txt"
    bench_prepare.write_text(path, 3, tiny_tokenizer(), [str(source)])
    lines = path.read_bytes().split(b"\n")
    assert 2_999_900 <= path.stat().st_size <= 3_000_000
    assert lines.pop() == b""
    assert set(lines) == {"Él dijo que sí.".encode()}


def test_memory_is_told_of_this_process_and_not_of_its_parent() -> None:
    held, peak = memory_of()
    if not Path("/proc/self/status").exists():
        assert (held, peak) == (0, 0)
        return
    assert 10**7 < held <= peak
    root = Path(bench.__file__).parents[1]
    code = "from training.usage import memory_of; print(memory_of()[1])"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert 10**6 < int(child.stdout) < peak
    assert memory_of(os.getpid())[1] >= peak


def test_rows_of_a_batch_that_are_shorter_are_not_asked_beyond_their_end(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    twin = PlainTwin(trainer.network, trainer.config)
    short = [np.array([2, 5, 6, 7]), np.array([2, 8])]
    fresh = [PlainTwin(trainer.network, trainer.config) for _ in short]
    alone = [one.step(collate([row], [True], [False]), 0.0) for one, row in zip(fresh, short, strict=True)]
    both = twin.step(collate(short, [True, True], [False, False]), 0.0)
    assert both == pytest.approx((3 * alone[0] + alone[1]) / 4, abs=1e-6)
