"""`--from BUNDLE`: a bundle's training goes on with other texts, and everything says where it came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.bundle import Bundle, read_bundle
from tests.training.conftest import TinyRun, tiny_run, train
from tests.training.test_export import stop_after
from training import cli
from training.config import TrainingConfig, inherited, load_config
from training.errors import CheckpointError, TrainingConfigError
from training.loop import Trainer

OTHER = ["Anna packed her bag because she was leaving. Наташа сказала, что она уходит.", "Tom said he was late."] * 40


def other_corpus(folder: Path) -> Path:
    folder.mkdir()
    (folder / "other.txt").write_text("\n".join(OTHER), encoding="utf-8")
    return folder


def continued(folder: Path, parent: Bundle, *, resume: bool = False) -> TinyRun:
    texts = folder / "other"
    tiny = tiny_run(
        folder, corpus=texts if texts.exists() else other_corpus(texts), vocabulary=parent.network.vocabulary_size
    )
    return replace(tiny, options=replace(tiny.options, parent=parent, resume=resume))


def test_the_parent_s_weights_tokenizer_and_sizes_are_where_it_begins(
    finished: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, first = finished.bundle, {}
    step = Trainer.step

    def noting(trainer: Trainer) -> None:
        first.update(trainer.network.weights() if not trainer.n_steps else {})
        step(trainer)

    monkeypatch.setattr(Trainer, "step", noting)
    tiny = continued(tmp_path, parent)
    assert train(tiny)
    for name, value in parent.weights.items():
        np.testing.assert_array_equal(first[name], value)
    assert tiny.bundle.network == parent.network
    assert tiny.bundle.tokenizer.serialized == parent.tokenizer.serialized
    assert any((tiny.bundle.weights[name] != value).any() for name, value in parent.weights.items())


def test_name_hash_and_share_of_unknown_pieces_are_told_kept_and_on_the_card(
    finished: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = continued(tmp_path, finished.bundle)
    assert train(tiny)
    parent = tiny.bundle.metadata["provenance"]["parent"]
    assert (parent["name"], parent["sha256"]) == ("tiny", finished.bundle.sha256)
    ids = [tiny.bundle.tokenizer.encode_ids(line) for line in OTHER]
    n_unknown = sum(line.count(tiny.bundle.tokenizer.unknown_id) for line in ids)
    n_pieces = sum(map(len, ids)) + len(OTHER) - 1 + 2  # and the newlines, <s> and </s>
    assert parent["unknown_share"] == pytest.approx(n_unknown / n_pieces, abs=1e-6) != 0
    said = f"{parent['unknown_share']:.2%} of the pieces of these texts are unknown to the tokenizer of tiny"
    assert f"warning: {said}: a new training" in capsys.readouterr().err
    assert f"Continued from the bundle tiny (hash {finished.bundle.sha256})" in tiny.bundle.card
    assert finished.bundle.metadata["provenance"]["parent"] is None
    assert "Continued" not in finished.bundle.card


def test_stopped_and_resumed_it_ends_in_the_same_weights(
    finished: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("straight", "stopped"):
        (tmp_path / name).mkdir()
    straight = continued(tmp_path / "straight", finished.bundle)
    assert train(straight)
    stopped = continued(tmp_path / "stopped", finished.bundle)
    with monkeypatch.context() as patched:
        stop_after(3, patched)
        assert not train(stopped)
    another = replace(finished.bundle, sha256="0" * 64)
    with pytest.raises(CheckpointError, match="--pairs or --from"):
        train(continued(tmp_path / "stopped", another, resume=True))
    assert train(continued(tmp_path / "stopped", finished.bundle, resume=True))
    for name, value in straight.bundle.weights.items():
        np.testing.assert_array_equal(stopped.bundle.weights[name], value)


def test_settings_that_contradict_the_bundle_are_refused_with_both_values(finished: TinyRun, tmp_path: Path) -> None:
    kept = inherited(finished.bundle)
    assert load_config(None, {"hidden": 8, "steps": 3}, kept) == TrainingConfig(**kept, steps=3)
    with pytest.raises(TrainingConfigError) as caught:
        load_config(None, {"hidden": 9, "cell": "gru"}, kept)
    assert "keeps its tokenizer and sizes: hidden is 8 there and 9 here, cell is 'lstm' there and 'gru' here." in str(
        caught.value
    )
    with pytest.raises(TrainingConfigError, match=r"vocabulary is \d+ there and 4096 here"):
        load_config("quick", {}, kept)


def test_the_command_takes_a_bundle_by_its_folder_and_asks_its_pairs(finished: TinyRun, tmp_path: Path) -> None:
    texts = other_corpus(tmp_path / "other")
    words = ["--from", str(finished.options.out), "--steps", "2", "--rows", "4", "--bptt-steps", "24"]
    words += ["--least-right-context", "4", "--validation-share", "0.3", "--device", "cpu"]
    assert cli.train([str(texts), "--out", str(tmp_path / "child"), *words]) == 0
    child = read_bundle(tmp_path / "child")
    assert child.network == finished.bundle.network
    assert child.metadata["pronouns"] == finished.bundle.metadata["pronouns"]
    assert child.metadata["provenance"]["parent"]["name"] == "tiny"
