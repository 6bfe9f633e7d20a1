"""Checkpoints: what is written comes back, a failing write harms nothing, and damage is told in a sentence."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.tiny import PICKLED
from training import checkpoint
from training.checkpoint import (
    Checkpoint,
    has_checkpoint,
    load_checkpoint,
    load_optimiser,
    optimiser_tensors,
    save_checkpoint,
)
from training.errors import CheckpointError
from training.optimisation import make_optimiser

GOOD = Checkpoint({"network.embedding": torch.arange(6.0).reshape(2, 3)}, {"n_steps": 7})
OTHER = Checkpoint({"network.embedding": torch.zeros(50_000)}, {"n_steps": 8})


def test_tensors_and_values_come_back_exactly(tmp_path: Path) -> None:
    tensors = {
        "a.weight": torch.randn(3, 5, generator=torch.Generator().manual_seed(1)),
        "a.double": torch.tensor([1 / 3], dtype=torch.float64),
        "random.cpu": torch.get_rng_state(),
        "scalar": torch.tensor(3.0),
        "transposed": torch.arange(6.0).reshape(2, 3).t(),
        "empty": torch.zeros(0, 4),
    }
    values = {"config": {"steps": None, "rate": 0.1}, "history": [{"loss": 1 / 3}], "name": "été"}
    path = tmp_path / "deep" / "checkpoint.safetensors"
    save_checkpoint(path, Checkpoint(tensors, values))
    loaded = load_checkpoint(path)
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[name], tensor)
    assert {name: loaded.values[name] for name in values} == values
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_group_is_the_tensors_of_one_prefix_without_it() -> None:
    both = Checkpoint({"network.a": torch.tensor(1.0), "optimiser.0.step": torch.tensor(2.0)}, {})
    assert both.group("network.") == {"a": torch.tensor(1.0)}
    assert both.group("optimiser.") == {"0.step": torch.tensor(2.0)}


def _is_good(path: Path) -> bool:
    loaded = load_checkpoint(path)
    name = "network.embedding"
    return torch.equal(loaded.tensors[name], GOOD.tensors[name]) and loaded.values["n_steps"] == 7


def _raise_halfway(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    path.write_bytes(b"half of it")
    raise OSError(28, "No space left on device")


def _raise(*arguments: Any) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("training.checkpoint.save_file", "No space left on device"),
        ("training.checkpoint.os.fsync", "Input/output error"),
        ("training.checkpoint.os.replace", "Input/output error"),
    ],
)
def test_a_write_that_fails_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, reason: str
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, GOOD)
    monkeypatch.setattr(broken, _raise_halfway if broken.endswith("save_file") else _raise)
    with pytest.raises(CheckpointError, match=rf"cannot be written \(.*{reason}.*untouched; free some space"):
        save_checkpoint(path, OTHER)
    assert _is_good(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_that_may_not_grow_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limit on the size of a file")
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, GOOD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # OTHER has 200 kB
    try:
        with pytest.raises(CheckpointError, match="cannot be written"):
            save_checkpoint(path, OTHER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _is_good(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_process_killed_while_writing_leaves_the_checkpoint_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, GOOD)

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, OTHER)
    assert _is_good(path)
    monkeypatch.undo()
    save_checkpoint(path, OTHER)  # what was left beside is in nobody's way
    assert load_checkpoint(path).values["n_steps"] == 8


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_one_flipped_bit_of_a_tensor_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, GOOD)
    _flip(path, -2)
    with pytest.raises(CheckpointError, match=r"damaged \(its content does not match its SHA-256\).*there is none"):
        load_checkpoint(path)


@pytest.mark.parametrize("links", [True, False], ids=["with links", "on a file system without links"])
def test_the_checkpoint_before_is_kept_and_helps_where_the_latest_is_damaged_or_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _raise)
    path, previous = tmp_path / "checkpoint.safetensors", tmp_path / "checkpoint.previous.safetensors"
    for number in range(3):
        save_checkpoint(path, Checkpoint(GOOD.tensors, {"n_steps": number}))
    assert sorted(tmp_path.iterdir()) == [previous, path]
    assert [load_checkpoint(one).values["n_steps"] for one in (previous, path)] == [1, 2]
    assert caplog.text == ""
    _flip(path, -2)
    assert load_checkpoint(path).values["n_steps"] == 1
    assert f"{path} is damaged (its content does not match its SHA-256): going on from the one before" in caplog.text
    path.unlink()
    assert load_checkpoint(path).values["n_steps"] == 1
    assert has_checkpoint(path)
    _flip(previous, -2)
    with pytest.raises(CheckpointError, match=r"damaged \(there is none\), and the one before it, .* cannot help"):
        load_checkpoint(path)


def test_a_missing_checkpoint_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"there is no checkpoint .* to resume from; train without --resume first"
    ):
        load_checkpoint(tmp_path / "checkpoint.safetensors")


def _header(path: Path, values: str | None) -> None:
    metadata = {} if values is None else {"__metadata__": {"values": values}}
    header = json.dumps(metadata).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(path.read_bytes()[:20]),
        lambda path: path.write_bytes(b"\xff" * 40),
        lambda path: path.write_bytes(path.read_bytes().replace(b"values", b"velues").replace(b'{\\"', b"{{{")),
        lambda path: _header(path, "{not json"),
        lambda path: path.write_bytes(PICKLED),
    ],
    ids=["empty", "a few bytes short", "cut in the header", "noise", "header", "values", "pickle"],
)
def test_a_damaged_checkpoint_is_told_in_a_sentence(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, GOOD)
    damage(path)
    with pytest.raises(CheckpointError, match=r"is damaged \(.*delete the run's folder|has format version None"):
        load_checkpoint(path)


@pytest.mark.parametrize("values", [None, "null", "[]", '{"format_version": 1}', '{"format_version": "1"}'])
def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, values: str | None) -> None:
    path = tmp_path / "checkpoint.safetensors"
    _header(path, values)
    with pytest.raises(CheckpointError, match=r"has format version .*; this program reads 2"):
        load_checkpoint(path)


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.abort, ()


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    torch.save({"evil": _Evil()}, path)
    with pytest.raises(CheckpointError, match="is damaged"):
        load_checkpoint(path)
    assert b"pickle" not in _written(tmp_path)


def _written(folder: Path) -> bytes:
    path = folder / "other.safetensors"
    save_checkpoint(path, GOOD)
    return path.read_bytes()


def test_an_optimiser_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    def steps(layer: nn.Module, optimiser: torch.optim.Optimizer, first: int, last: int) -> None:
        for number in range(first, last):
            random = torch.Generator().manual_seed(number)
            for parameter in layer.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=random)
            optimiser.step()

    def new() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layer = nn.Linear(3, 2)
        return layer, make_optimiser(layer, 0.1, 0.01)

    straight, its_optimiser = new()
    steps(straight, its_optimiser, 0, 7)

    stopped, optimiser = new()
    steps(stopped, optimiser, 0, 4)
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, Checkpoint(optimiser_tensors(optimiser), {}))
    resumed, fresh = new()
    resumed.load_state_dict(stopped.state_dict())
    load_optimiser(fresh, load_checkpoint(path).tensors)
    steps(resumed, fresh, 4, 7)
    for ours, theirs in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_an_optimiser_that_has_not_stepped_has_nothing_to_keep() -> None:
    layer = nn.Linear(2, 2)
    optimiser = make_optimiser(layer, 0.1, 0.0)
    assert optimiser_tensors(optimiser) == {}
    load_optimiser(optimiser, {})
    assert [group["lr"] for group in optimiser.param_groups] == [0.1, 0.1]
