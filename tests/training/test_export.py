"""The end of a run: what a bundle holds, when it appears, and what a stopped or failed run leaves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.bundle import as_stored, read_bundle
from model.language_model import load
from model.tokenizer import Tokenizer
from tests.tiny import tiny_bundle
from tests.training.conftest import TinyRun, tiny_run, train, write_corpus
from training import export as exporting
from training.checkpoint import load_checkpoint
from training.corpus import read_documents
from training.errors import CheckpointError, TrainingConfigError, TrainingError
from training.evaluation.cloze_suite import ask
from training.evaluation.metrics import fitted_temperature
from training.loop import Trainer
from training.mining import mine
from training.preparation import prepare
from training.pronouns import load_pairs


def stop_after(n_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run stops as if ctrl-C came during its step number `n_steps`."""
    step = Trainer.step

    def stopping(trainer: Trainer) -> None:
        step(trainer)
        trainer.stop_requested = trainer.n_steps >= n_steps

    monkeypatch.setattr(Trainer, "step", stopping)


def test_a_finished_run_leaves_a_bundle_that_is_accepted_and_holds_the_weights_as_stored(finished: TinyRun) -> None:
    bundle = finished.bundle
    trained = load_checkpoint(finished.options.run_folder / "checkpoint.safetensors").group("network.")
    expected = as_stored({name: tensor.numpy() for name, tensor in trained.items()})
    assert bundle.weights.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(bundle.weights[name], value)
    assert (bundle.name, bundle.network.cell, bundle.network.hidden_size) == ("tiny", "lstm", 8)
    assert bundle.pairs[0] == ("he", "she")
    assert bundle.has_language_model
    assert {path.name for path in finished.options.out.iterdir()} == {
        "bundle.json",
        "weights.safetensors",
        "tokenizer.model",
        "README.md",
    }


def test_figures_and_temperatures_are_measured_on_the_weights_as_stored(
    finished: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = finished.bundle
    options, pairs = finished.options, load_pairs()
    corpus = prepare(finished.config, pairs, options)
    monkeypatch.setattr("training.loop.VALIDATION_BATCHES", 4)
    trainer = Trainer(finished.config, corpus.tokenizer, corpus.tokens, corpus.held_out, pairs, options.run_folder)
    trainer.network.load_weights(bundle.weights)
    measured = trainer.validation.measure(trainer.objective, language_model=True)
    figures = bundle.metadata["metrics"]["validation"]
    assert figures["nats_per_piece"]["left"] == pytest.approx(measured.left_nats, abs=1e-5)
    for context, margins in measured.margins.items():
        summary = figures["pairs"]["he/she"][context]
        assert summary["balanced_accuracy"] == pytest.approx(margins.balanced_accuracy(0), abs=1e-6)
        assert summary["n_items"] == margins.pairs.count(0) == sum(summary["n_of_form"].values())


def test_temperatures_fit_the_questions_of_the_validation_texts_as_they_are_served(finished: TinyRun) -> None:
    bundle, pairs = finished.bundle, load_pairs()
    items = [item for item in mine(read_documents(finished.options.valid), pairs) if item.pair == pairs.default]
    language_model = load(finished.options.out)
    for context in ("left", "both"):
        answers, _ = ask(language_model, items, pairs.default, context)
        entry = next(e for e in bundle.metadata["calibration"] if (e["pair"], e["context"]) == ("he/she", context))
        assert entry == {
            "pair": "he/she",
            "forms": ["he", "she"],
            "context": context,
            "temperature": fitted_temperature(answers.margins),
            "items": len(items),
        }
        assert bundle.temperature(("she", "he"), context) == entry["temperature"]


def test_a_bundle_says_what_it_was_made_from_and_how(finished: TinyRun) -> None:
    provenance = finished.bundle.metadata["provenance"]
    path = Path(finished.options.corpus[0]) / "first.txt"
    assert provenance["sources"][0] == {
        "name": "texts/first.txt",
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert [record["name"] for record in provenance["valid_sources"]] == ["held-out/first.txt", "held-out/second.txt"]
    assert (provenance["n_sources"], provenance["n_documents"], provenance["n_steps"]) == (2, 2, 6)
    assert provenance["settings"]["hidden"] == 8
    assert provenance["command"] == "anaphora train texts --out tiny"
    assert provenance["started_at"] <= provenance["finished_at"]
    assert provenance["hardware"]["device"] == "cpu"
    assert finished.bundle.metadata["license"] == "cc0-1.0"
    assert str(finished.options.out.parent) not in (finished.options.out / "bundle.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("tokenizer", "direction", "contexts"),
    [("word", "causal", {"left"}), ("character", "bidirectional", set())],  # "he" is several characters
)
def test_temperatures_are_stored_where_margins_are_what_the_cloze_compares(
    tmp_path: Path, tokenizer: str, direction: str, contexts: set[str]
) -> None:
    tiny = tiny_run(tmp_path, cell="gru", tokenizer=tokenizer, direction=direction, vocabulary=120, steps=1)
    assert train(tiny)
    assert {entry["context"] for entry in tiny.bundle.metadata["calibration"]} == contexts
    measured = tiny.bundle.metadata["metrics"]["validation"]["pairs"]["he/she"]
    assert measured["left"]["n_items"] > 50


def test_a_bundle_without_the_language_model_says_so(tmp_path: Path) -> None:
    tiny = tiny_run(tmp_path, language_model_weight=0.0, steps=2)
    assert train(tiny)
    assert not tiny.bundle.has_language_model
    assert tiny.bundle.metadata["metrics"]["validation"]["nats_per_piece"] == {"left": None, "both": None}
    assert "refuses top-k" in tiny.bundle.card
    assert "fill-mask\n" not in tiny.bundle.card.partition("\n---\n")[0]


def test_a_stopped_run_leaves_no_bundle_and_a_resumed_one_finishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], finished: TinyRun
) -> None:
    tiny = tiny_run(tmp_path, valid=[str(write_corpus(tmp_path / "held-out", 3))])
    with monkeypatch.context() as patched:
        stop_after(4, patched)
        assert not train(tiny)
    assert not tiny.options.out.exists()
    assert "stopped at step 4; saved. Go on with: anaphora train texts --out tiny --resume" in capsys.readouterr().err
    assert train(replace(tiny, options=replace(tiny.options, resume=True)))
    for name, value in finished.bundle.weights.items():
        np.testing.assert_array_equal(tiny.bundle.weights[name], value)


def test_an_earlier_bundle_is_replaced_only_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_run(tmp_path)
    earlier = read_bundle(tiny_bundle(tiny.options.out)).sha256
    with monkeypatch.context() as patched:
        stop_after(3, patched)
        assert not train(tiny)
    assert tiny.bundle.sha256 == earlier
    assert train(replace(tiny, options=replace(tiny.options, resume=True)))
    assert tiny.bundle.sha256 != earlier
    assert tiny.bundle.network.hidden_size == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts", "tiny", "tiny.run"]


def test_a_folder_that_is_no_bundle_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    tiny = tiny_run(tmp_path)
    tiny.options.out.mkdir()
    (tiny.options.out / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(TrainingConfigError, match="exists and is no bundle, so it is not replaced"):
        train(tiny)
    assert (tiny.options.out / "thesis.txt").exists()
    assert not tiny.options.run_folder.exists()


def test_an_out_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    tiny = tiny_run(tmp_path, out=tmp_path / "file" / "tiny")
    with pytest.raises(TrainingConfigError, match=r"file/tiny\.run cannot be written \(Not a directory\)"):
        train(tiny)


def test_a_bundle_that_cannot_be_written_is_exported_by_resuming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*unused: object) -> None:
        raise OSError(28, "No space left on device", "tiny/weights.safetensors")

    tiny = tiny_run(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(exporting, "write_bundle", full)
        with pytest.raises(TrainingError, match=r"tiny/weights.safetensors cannot be written \(No space.*--resume"):
            train(tiny)
    assert not tiny.options.out.exists()
    assert train(replace(tiny, options=replace(tiny.options, resume=True)))
    assert tiny.bundle.metadata["provenance"]["n_steps"] == 6


def test_weights_beyond_float16_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_run(tmp_path, steps=1)
    monkeypatch.setattr(exporting, "as_stored", lambda weights: weights | {"embedding": np.array([np.inf])})
    with pytest.raises(TrainingError, match="embedding are beyond what a bundle stores"):
        train(tiny)
    assert not tiny.options.out.exists()


def test_resuming_what_never_began_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    tiny = tiny_run(tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="holds no checkpoint to resume from"):
        train(tiny)
    assert not tiny.options.run_folder.exists()


def test_a_run_that_was_begun_is_not_begun_again_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_run(tmp_path)
    stop_after(1, monkeypatch)
    assert not train(tiny)
    with pytest.raises(TrainingConfigError, match=r"holds the checkpoint of an earlier run\. Go on with --resume"):
        train(tiny)


def test_resuming_with_other_texts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_run(tmp_path)
    with monkeypatch.context() as patched:
        stop_after(1, patched)
        train(tiny)
    tokenizer = (tiny.options.run_folder / "tokenizer.model").read_bytes()
    (tmp_path / "texts" / "first.txt").write_text("She said he was there.\n" * 200, encoding="utf-8")
    with pytest.raises(CheckpointError, match="a run on other texts"):
        train(replace(tiny, options=replace(tiny.options, resume=True)))
    assert (tiny.options.run_folder / "tokenizer.model").read_bytes() == tokenizer


def test_a_resumed_run_reads_standard_input_from_where_it_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (write_corpus(tmp_path / "texts") / "first.txt").read_bytes()

    class StandardInput:
        buffer = (tmp_path / "texts" / "first.txt").open("rb")

    tiny = tiny_run(tmp_path, steps=2)
    tiny = replace(tiny, options=replace(tiny.options, corpus=["-"]))
    monkeypatch.setattr("sys.stdin", StandardInput)
    with monkeypatch.context() as patched:
        stop_after(1, patched)
        assert not train(tiny)
    assert StandardInput.buffer.read() == b""
    StandardInput.buffer.close()
    assert train(replace(tiny, options=replace(tiny.options, resume=True)))
    source = tiny.bundle.metadata["provenance"]["sources"][0]
    assert source["sha256"] == hashlib.sha256(text).hexdigest()
    assert source["name"] == "tiny.run/standard-input.txt"


def test_the_tokenizer_of_the_bundle_is_the_runs(finished: TinyRun) -> None:
    kept = (finished.options.run_folder / "tokenizer.model").read_bytes()
    assert finished.bundle.tokenizer.pieces == Tokenizer.load(kept, "subword").pieces


def test_metadata_is_small_and_plain_json(finished: TinyRun) -> None:
    raw = (finished.options.out / "bundle.json").read_bytes()
    assert len(raw) < 100_000
    assert "NaN" not in raw.decode()
    json.loads(raw)
