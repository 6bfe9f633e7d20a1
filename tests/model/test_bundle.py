"""Bundles: written whole or not at all, and read as they were written. Damaged ones: test_damaged_bundle.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from model import bundle as bundle_module
from model.bundle import CARD, METADATA, TOKENIZER, WEIGHTS, as_stored, read_bundle, write_bundle
from model.cells import CELL_TYPES
from model.errors import BundleContentError, BundleFormatError
from model.language_model import load
from model.structure import weight_shapes
from model.tokenizer import KINDS
from tests.model.damage import refused, replace_file
from tests.model.reference import HE_SHE
from tests.tiny import PICKLED, tiny_bundle, tiny_config, tiny_metadata, tiny_tokenizer, tiny_weights

# ---------------------------------------------------------------------------------------------- round trip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("cell", CELL_TYPES)
def test_what_is_written_is_read_back(cell: str, direction: str, kind: str, tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny-1.0_é", cell=cell, direction=direction, kind=kind, calibration=HE_SHE)
    bundle = read_bundle(folder)
    config = tiny_config(cell, direction, kind)
    assert (bundle.name, bundle.network, bundle.tokenizer.kind) == ("tiny-1.0_é", config, kind)
    assert bundle.tokenizer.pieces == tiny_tokenizer(kind).pieces
    weights = tiny_weights(config)
    assert list(bundle.weights) == list(weight_shapes(config))
    for name, value in bundle.weights.items():
        assert value.dtype == np.float32
        assert (value == weights[name]).all()
    assert bundle.metadata["provenance"] == {"texts": [], "command": "tests/tiny.py"}
    assert bundle.card.startswith("# tiny")
    assert bundle.pairs[0] == ("he", "she")
    assert bundle.sha256 == hashlib.sha256((folder / METADATA).read_bytes()).hexdigest()
    assert bundle.has_language_model


def test_a_bundle_is_four_files(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == [CARD, METADATA, TOKENIZER, WEIGHTS]
    metadata = json.loads((written / METADATA).read_text())
    for name in (CARD, TOKENIZER, WEIGHTS):
        data = (written / name).read_bytes()
        assert metadata["files"][name] == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert metadata["tensors"]["layer0.forward.input_weight"] == {"shape": [24, 5], "dtype": "float16"}


def test_all_four_files_may_be_read_by_the_same_people(written: Path) -> None:
    assert len({path.stat().st_mode for path in written.iterdir()}) == 1


def test_weights_are_stored_in_float16_and_computed_in_float32(tmp_path: Path) -> None:
    config = tiny_config()
    weights = {name: np.full(shape, 1 / 3, np.float32) for name, shape in weight_shapes(config).items()}
    write_bundle(tmp_path / "tiny", tiny_metadata("tiny", config), weights, tiny_tokenizer(), "")
    stored = safetensors.numpy.load_file(tmp_path / "tiny" / WEIGHTS)
    assert {tensor.dtype for tensor in stored.values()} == {np.dtype(np.float16)}
    read = read_bundle(tmp_path / "tiny").weights["embedding"]
    assert read.dtype == np.float32
    assert (read == np.float32(np.float16(1 / 3))).all()
    assert (as_stored(weights)["embedding"] == read).all()


def test_any_change_changes_the_content_hash(written: Path, folder: Path) -> None:
    before = read_bundle(written).sha256
    assert read_bundle(folder).sha256 == before
    replace_file(folder, CARD, b"# Another card")
    assert read_bundle(folder).sha256 != before


def test_a_bundle_is_read_from_inside_its_own_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert read_bundle(Path()).name == "tiny"


def test_no_pickle_is_ever_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that lies in the folder, or stands where a file of the bundle should."""

    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("a pickle was loaded")

    for entrance in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(f"pickle.{entrance}", fail)
    (folder / "weights.pkl").write_bytes(PICKLED)
    assert read_bundle(folder).name == "tiny"
    replace_file(folder, WEIGHTS, PICKLED)
    refused(folder, BundleContentError, "weights.safetensors cannot be read")


# ---------------------------------------------------------------------------------------------- writing


def test_writing_over_a_bundle_replaces_it_and_leaves_nothing_beside(folder: Path) -> None:
    tiny_bundle(folder, cell="gru")
    assert read_bundle(folder).network.cell == "gru"
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_file_of_the_old_bundle_does_not_stay_in_the_new_one(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    tiny_bundle(folder)
    assert not (folder / "notes.txt").exists()


def test_a_write_that_fails_leaves_the_old_bundle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_bundle(folder).sha256

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        tiny_bundle(folder, cell="gru")
    assert read_bundle(folder).sha256 == before
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_metadata_that_is_no_json_leaves_the_old_bundle(folder: Path) -> None:
    before = read_bundle(folder).sha256
    with pytest.raises(ValueError, match="not JSON compliant"):
        tiny_bundle(folder, metrics={"perplexity": float("nan")})
    assert read_bundle(folder).sha256 == before
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_rename_that_fails_puts_the_old_bundle_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = read_bundle(folder).sha256, Path.rename

    def fail_for_new(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with pytest.raises(OSError, match="Input/output"):
        tiny_bundle(folder, cell="gru")
    assert read_bundle(folder).sha256 == before


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_before_second_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def die(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", die)


def test_a_crash_between_the_two_renames_leaves_the_old_bundle_and_loading_says_where(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_bundle(folder).sha256
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_before_second_rename(patch)
        tiny_bundle(folder, cell="gru")
    assert not folder.exists()
    aside = folder.parent / "tiny.old"
    refused(folder, BundleFormatError, f"An earlier bundle stands in {aside}: rename it back")
    with pytest.raises(BundleFormatError, match="earlier bundle stands in"):
        load(folder)
    assert read_bundle(aside).sha256 == before
    aside.rename(folder)
    assert read_bundle(folder).sha256 == before


def test_the_next_write_after_a_crash_succeeds_and_keeps_the_old_bundle_aside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_bundle(folder).sha256
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_before_second_rename(patch)
        tiny_bundle(folder, cell="gru")
    tiny_bundle(folder, cell="rnn")
    assert read_bundle(folder).network.cell == "rnn"
    assert read_bundle(folder.parent / "tiny.old").sha256 == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["tiny", "tiny.old"]


def test_what_stands_where_the_old_bundle_would_go_is_never_deleted(folder: Path) -> None:
    before, kept = read_bundle(folder).sha256, folder.parent / "tiny.old" / "my notes.txt"
    kept.parent.mkdir()
    kept.write_text("a copy of mine")
    with pytest.raises(FileExistsError, match="move it away or delete it"):
        tiny_bundle(folder, cell="gru")
    assert kept.read_text() == "a copy of mine"
    assert read_bundle(folder).sha256 == before


# ---------------------------------------------------------------------------------------------- temperature


def test_temperatures_are_found_by_pair_and_context(written: Path) -> None:
    bundle = read_bundle(written)
    assert bundle.temperature(("she", "He"), "both") == 2.0
    assert bundle.temperature(("he", "she"), "left") == 0.5
    assert bundle.temperature(("he", "she", "it"), "both") == 1.0
    assert bundle.temperature(("he", "he"), "both") == 1.0
    assert bundle.temperature(("him", "her"), "both") == 1.0
