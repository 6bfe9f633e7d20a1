"""Two processes train as one with the same batch would, stop together, and leave what any number of them can resume."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.conftest import write_corpus
from tests.training.distributed_worker import CASES, STEPS, VALIDATION, new_trainer, nothing, stop_at
from training import loop
from training.checkpoint import Checkpoint, load_checkpoint
from training.distributed import World, joined, local_device

ROOT = Path(__file__).resolve().parents[2]
SAME = 2e-5
"""Float32 sums taken in another order, after steps of a large learning rate (Adam divides small gradients by small
ones); weights are about 0.3."""


def _torchrun(*words: str, n: int = 2) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    return [*launcher, *words]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module", autouse=True)
def _one_thread_and_a_small_validation() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "VALIDATION_ROWS", VALIDATION[0])
        patched.setattr(loop, "VALIDATION_BATCHES", VALIDATION[1])
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have left their runs."""
    folder = tmp_path_factory.mktemp("distributed")
    new_trainer(folder, "from-one").run(stop_at(2))
    script = str(ROOT / "tests" / "training" / "distributed_worker.py")
    done = subprocess.run(
        _torchrun(script, str(folder)), env=_environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, str]:
    """What the first process noted."""
    noted: dict[str, str] = json.loads((folder / "errors.json").read_text())
    return noted


def _checkpoint(folder: Path, name: str) -> Checkpoint:
    return load_checkpoint(folder / name / "checkpoint.safetensors")


def _assert_close(ours: Checkpoint, theirs: Checkpoint) -> None:
    """Weights, averages, carried states; random numbers are each one's own."""
    assert ours.tensors.keys() == theirs.tensors.keys()
    for name, tensor in ours.tensors.items():
        if not name.startswith("random."):
            torch.testing.assert_close(tensor, theirs.tensors[name], rtol=1e-4, atol=SAME, msg=name)
    for name in ("n_steps", "n_tokens", "batches"):
        assert ours.values[name] == theirs.values[name]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_end_in_the_weights_of_one(folder: Path, name: str) -> None:
    alone = new_trainer(folder, f"one-{name}", **CASES[name])
    alone.run(nothing)
    one, two = _checkpoint(folder, f"one-{name}"), _checkpoint(folder, f"two-{name}")
    _assert_close(one, two)
    untrained = new_trainer(folder, "untrained", **CASES[name]).network.embedding.weight.detach()
    moved = float((one.tensors["network.embedding"] - untrained).abs().max())
    assert moved > 100 * SAME  # the tolerance tells something
    for ours, theirs in zip(one.values["history"], two.values["history"], strict=True):
        for key in (key for key in ours if key.endswith("_nats")):
            assert ours[key] == (None if theirs[key] is None else pytest.approx(theirs[key], abs=1e-4))


def test_one_process_goes_on_where_two_stopped(folder: Path, told: dict[str, str]) -> None:
    assert int(told["stopped"]) == _checkpoint(folder, "from-two").values["n_steps"] == 3  # all agree a step later
    shutil.copytree(folder / "from-two", folder / "from-two-by-one")
    resumed = new_trainer(folder, "from-two-by-one")
    resumed.resume()
    assert resumed.run(nothing)
    new_trainer(folder, "one-straight").run(nothing)
    _assert_close(_checkpoint(folder, "from-two-by-one"), _checkpoint(folder, "one-straight"))


def test_two_processes_go_on_where_one_stopped(folder: Path) -> None:
    resumed = _checkpoint(folder, "from-one")
    assert resumed.values["n_steps"] == STEPS
    new_trainer(folder, "one-straight").run(nothing)
    _assert_close(resumed, _checkpoint(folder, "one-straight"))


def test_with_dropout_two_processes_resume_bit_for_bit(folder: Path) -> None:
    straight, resumed = _checkpoint(folder, "dropout-straight"), _checkpoint(folder, "dropout-resumed")
    for name, tensor in straight.tensors.items():
        assert name.startswith("random.") or torch.equal(tensor, resumed.tensors[name]), name


def test_processes_with_different_texts_or_settings_are_told(told: dict[str, str]) -> None:
    assert told["different"].startswith("process 1 of 2 has another settings than process 0. Start all with the same")


def test_more_processes_than_rows_are_refused(told: dict[str, str]) -> None:
    assert told["too few rows"] == "rows = 1 cannot be split among 2 processes; give more rows."


def test_a_single_process_needs_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as world:
        assert (world.leads, world.size) == (True, 1)
        assert world.own(3).tolist() == [0, 1, 2]
        assert world.sum(1.5, 2.0) == [1.5, 2.0]
        assert world.first_on_each_machine(lambda: "done") == "done"
        world.check_same(anything=1)


def test_rows_are_dealt_out_so_that_each_process_has_some_of_each_kind() -> None:
    dealt = [World(rank, 3).own(8).tolist() for rank in range(3)]
    assert dealt == [[0, 3, 6], [1, 4, 7], [2, 5]]


def test_each_process_of_a_machine_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert local_device("cuda") == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert [local_device(name) for name in ("cuda", "cpu", "cuda:0")] == ["cuda:2", "cpu", "cuda:0"]


def _train(folder: Path, *more: str) -> list[str]:
    settings = "--layers 1 --hidden 8 --embedding 8 --vocabulary 160 --rows 4 --bptt-steps 24 --least-right-context 4"
    words = f"train {folder / 'texts'} --out {folder / 'tiny'} {settings} --checkpoint-minutes 0 --threads 1"
    return [*words.split(), *more]


def _processes_of(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == parent:
            found.append(int(path.parent.name))
    return sorted(found)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_worker_that_dies_stops_the_run_and_its_checkpoint_goes_on(tmp_path: Path) -> None:
    write_corpus(tmp_path / "texts")
    checkpoint = tmp_path / "tiny.run" / "checkpoint.safetensors"
    command = _torchrun("-m", "anaphora", *_train(tmp_path, "--steps", "1000000"))
    with subprocess.Popen(command, env=_environment(), cwd=ROOT, stderr=subprocess.PIPE, text=True) as torchrun:
        deadline = time.monotonic() + 100
        while not checkpoint.exists() and time.monotonic() < deadline and torchrun.poll() is None:
            time.sleep(0.1)
        workers = _processes_of(torchrun.pid)
        assert len(workers) == 2
        os.kill(workers[1], signal.SIGKILL)
        _, said = torchrun.communicate(timeout=60)
    assert torchrun.returncode not in (0, None)
    assert "waited for the others in vain" in said
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)

    n_steps = int(load_checkpoint(checkpoint).values["n_steps"])
    resumed = [sys.executable, "-m", "anaphora", *_train(tmp_path, "--steps", str(n_steps + 5), "--resume")]
    done = subprocess.run(resumed, env=_environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tiny" / "bundle.json").exists()


@pytest.mark.slow
def test_torchrun_writes_one_bundle_and_says_each_thing_once(tmp_path: Path) -> None:
    write_corpus(tmp_path / "texts")
    command = _torchrun("-m", "anaphora", *_train(tmp_path, "--steps", "6"))
    done = subprocess.run(command, env=_environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("preparing token shards") == done.stderr.count("wrote the bundle") == 1
    provenance = json.loads((tmp_path / "tiny" / "bundle.json").read_text())["provenance"]
    assert (provenance["n_processes"], provenance["n_steps"]) == (2, 6)
    assert np.isfinite(load_checkpoint(tmp_path / "tiny.run" / "checkpoint.safetensors").values["n_tokens"])
