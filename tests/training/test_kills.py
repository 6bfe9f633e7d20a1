"""A training that is killed (SIGKILL) and resumed ends in the same weights, bit for bit, as one left in peace."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

import anaphora
from tests.tiny import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """--layers 1 --hidden 12 --embedding 8 --vocabulary 160 --rows 4 --bptt-steps 24 --least-right-context 4
--warmup-steps 2 --dropout 0.2 --validate-every-steps 7 --validation-share 0.2 --threads 1 --device cpu"""
FITTING = "fitting a subword tokenizer"
PREPARING, TRAINING = f"{FITTING}|preparing token shards", "going on at step|tokens of"
"""What the log says when a phase begins, one or the other."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and forks are POSIX")


Moment = Callable[[Path, Callable[[], bool]], None]
"""Given the log and whether the process is alive: returns when it is to be killed."""


class Process(Protocol):
    """What this file asks of a process."""

    pid: int

    def kill(self) -> None: ...


@dataclass
class Run:
    """One training, started as often as it takes."""

    folder: Path
    n_steps: int
    start: Callable[[list[str], Path], tuple[Process, Callable[[], int | None]]]
    """Starts `anaphora` with these words and its errors in this file; returns the process and its exit code's asker."""
    n_lives: int = 0

    @property
    def weights(self) -> bytes:
        return (self.folder / "tiny" / "weights.safetensors").read_bytes()

    @property
    def run_folder(self) -> Path:
        return self.folder / "tiny.run"

    def live(self, wait_to_kill: Moment | None = None) -> tuple[int, str]:
        """One start: its exit code and what it said. `wait_to_kill`: returns when the process is to be killed."""
        argv = ["train", str(self.folder.parent / "texts"), "--out", str(self.folder / "tiny"), *SETTINGS.split()]
        argv += ["--steps", str(self.n_steps), "--checkpoint-minutes", "0"]  # a checkpoint after every step
        if list(self.run_folder.glob("checkpoint*.safetensors")):
            argv.append("--resume")
        self.n_lives += 1
        log = self.folder / f"log-{self.n_lives}"
        self.folder.mkdir(exist_ok=True)
        log.touch()
        process, exit_code = self.start(argv, log)
        try:
            if wait_to_kill:
                wait_to_kill(log, lambda: exit_code() is None)
                process.kill()
            _wait(lambda: exit_code() is not None, lambda: True)
        finally:
            with contextlib.suppress(OSError):
                process.kill()
        code = exit_code()
        assert code is not None
        return code, log.read_text(encoding="utf-8")


def _wait(condition: Callable[[], bool], is_alive: Callable[[], bool], seconds: float = 300.0) -> None:
    """Asks again and again, without a pause worth mentioning, until it is so or the process has ended."""
    deadline = time.monotonic() + seconds
    while not condition() and is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.0002)


def _after(phase: str, delay: float) -> Moment:
    """To be killed so many seconds after a phase began."""

    def wait(log: Path, is_alive: Callable[[], bool]) -> None:
        _wait(lambda: any(words in log.read_text() for words in phase.split("|")), is_alive)
        time.sleep(delay)

    return wait


def _after_checkpoints(run: Run, n: int, *, writing: bool = False, delay: float = 0.0) -> Moment:
    """To be killed once n checkpoints more are written; `writing`: as soon as the next one is being written."""

    def wait(log: Path, is_alive: Callable[[], bool]) -> None:
        for _ in range(n):
            before = _written_at(run)
            _wait(lambda before=before: _written_at(run) != before, is_alive)
        time.sleep(delay)
        if writing:
            _wait((run.run_folder / "checkpoint.tmp").exists, is_alive)

    return wait


def _written_at(run: Run) -> int:
    try:
        return (run.run_folder / "checkpoint.safetensors").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _write_corpus(folder: Path, n_times: int) -> None:
    folder.mkdir()
    for name, seed in (("first.txt", 1), ("second.txt", 2)):
        lines = list(SENTENCES) * n_times
        random.Random(seed).shuffle(lines)
        (folder / name).write_text("\n".join(lines), encoding="utf-8")


def _command(argv: list[str], log: Path) -> tuple[Process, Callable[[], int | None]]:
    """The real command, as a shell would start it."""
    with log.open("w", encoding="utf-8") as errors:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen([sys.executable, "anaphora.py", *argv], cwd=ROOT, stderr=errors, env=environment)
    return process, process.poll


def _main(argv: list[str], log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY)
    os.dup2(descriptor, 2)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.exit(anaphora.main(argv))


def _fork(argv: list[str], log: Path) -> tuple[Process, Callable[[], int | None]]:
    """The same from a process that has imported torch already, which is most of the time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.run", "training.export", "training.cli"])
    process: Any = context.Process(target=_main, args=(argv, str(log)))
    process.start()
    return process, lambda: process.exitcode


def _assert_survives(run: Run, undisturbed: Run, moments: list[Moment]) -> int:
    """Kills at each moment, then lets it finish; returns how many kills fell into the writing of a checkpoint."""
    n_writing = 0
    was_prepared = False
    for moment in moments:
        code, said = run.live(moment)
        assert code == -9, said
        assert not (was_prepared and FITTING in said), "what had been prepared was not used again"
        was_prepared = (run.run_folder / "tokenizer.sha256").exists()
        n_writing += (run.run_folder / "checkpoint.tmp").exists()
    code, said = run.live()
    assert code == 0, said
    assert "going on at step" in said
    assert run.weights == undisturbed.weights
    assert not (run.run_folder / "checkpoint.tmp").exists()
    return n_writing


def test_killed_in_preparation_in_training_and_while_writing_a_checkpoint(tmp_path: Path) -> None:
    _write_corpus(tmp_path / "texts", 30)
    undisturbed = Run(tmp_path / "undisturbed", 120, _fork)
    code, said = undisturbed.live()
    assert code == 0, said
    run = Run(tmp_path / "killed", 120, _fork)
    moments = [
        _after(PREPARING, 0.01),
        _after_checkpoints(run, 3, delay=0.003),
        _after_checkpoints(run, 4, writing=True),
    ]
    _assert_survives(run, undisturbed, moments)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    _write_corpus(tmp_path / "texts", 600)
    undisturbed = Run(tmp_path / "undisturbed", 400, _command)
    code, said = undisturbed.live()
    assert code == 0, said
    draw = random.Random(1)
    run = Run(tmp_path / "killed", 400, _command)
    moments = [_after(PREPARING, draw.uniform(0, 1)) for _ in range(4)]
    moments += [_after(TRAINING, draw.uniform(0, 0.6)) for _ in range(3)]
    moments += [
        _after_checkpoints(run, draw.randrange(1, 25), writing=n % 2 == 0, delay=draw.uniform(0, 0.02))
        for n in range(13)
    ]
    assert _assert_survives(run, undisturbed, moments) > 0
