"""Answers without a network, where the n-gram's text is found, and that a fitted one is kept."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from training.corpus import Document, fingerprint
from training.errors import CorpusError
from training.evaluation import baselines
from training.evaluation.ngram import fit_trigram
from training.mining import ClozeItem, mine
from training.pronouns import load_pairs

TEXT = "Anna said she was late. Tom said he was late. Anna said she left. Tom said he left.\n"


def items(text: str) -> list[ClozeItem]:
    return list(mine([Document("book", iter([text]))], load_pairs()))


def folder(path: Path, text: str = TEXT) -> Path:
    path.mkdir(parents=True)
    (path / "a.txt").write_text(text * 3, encoding="utf-8")
    return path


def test_a_constant_answer_is_right_where_it_is_and_wrong_elsewhere() -> None:
    right = baselines.right_answers(items("Then she said he knew she did."))
    assert right.tolist() == [1, 0, 1]
    summary = baselines.constant(right, 1).summary()
    assert (summary.accuracy, summary.balanced_accuracy, summary.tie_rate) == (pytest.approx(2 / 3), 0.5, 0.0)


def test_a_coin_is_one_half_everywhere_and_always_tied() -> None:
    summary = baselines.chance(np.array([0, 0, 1])).summary()
    assert (summary.accuracy, summary.balanced_accuracy, summary.tie_rate) == (0.5, 0.5, 1.0)
    assert summary.log_loss_nats == pytest.approx(np.log(2))


def test_the_n_gram_answers_from_the_words_beside_the_blank() -> None:
    trigram = fit_trigram([TEXT.strip()] * 3)
    asked = items("Anna said she was late. Tom said he left. Then she left.")
    for context in ("left", "both"):
        answers = baselines.ngram_answers(trigram, asked, context)
        assert (answers.margins[:2] > 0).all()
        assert answers.probabilities is not None
        assert answers.probabilities == pytest.approx(1 / (1 + np.exp(-answers.margins)))


def test_the_bundle_s_own_training_texts_are_found_by_their_hashes_around_the_data(tmp_path: Path) -> None:
    train, data = folder(tmp_path / "novels" / "train"), folder(tmp_path / "novels" / "test")
    provenance = {"sources": [asdict(record) for record in fingerprint([train])]}
    found = baselines.training_texts_of(provenance, [data])
    assert found is not None
    assert (found[0], found[1]) == ([train / "a.txt"], "the bundle's own training texts")
    (train / "a.txt").write_text("changed", encoding="utf-8")
    found = baselines.training_texts_of(provenance, [data])
    assert found is not None
    assert found[0] == [train]
    assert "not known to be what the bundle was trained on" in found[1]


def test_without_training_texts_around_the_data_none_are_made_up(tmp_path: Path) -> None:
    assert baselines.training_texts_of({}, [folder(tmp_path / "novels" / "test")]) is None
    assert baselines.training_texts_of({}, [folder(tmp_path / "novels" / "train")]) is None


def test_no_name_in_a_bundle_leads_out_of_the_folders_around_the_data(tmp_path: Path) -> None:
    data, secret = folder(tmp_path / "a" / "b" / "test"), folder(tmp_path / "secret")
    record = asdict(fingerprint([secret])[0])
    for name in ("../../secret/a.txt", str(secret / "a.txt")):
        assert baselines.training_texts_of({"sources": [record | {"name": name}]}, [data]) is None


def test_a_fitted_n_gram_is_kept_and_read_again_until_the_texts_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, cache = folder(tmp_path / "train"), tmp_path / "cache"
    first = baselines.fitted_trigram([train], "the texts given", cache=cache)
    monkeypatch.setattr(baselines, "fit_trigram", lambda paragraphs: pytest.fail("fitted again"))
    again = baselines.fitted_trigram([train], "the texts given", cache=cache)
    assert again.description == first.description
    assert "modified Kneser-Ney, fitted on 66 words and marks of the texts given (1 files)" in first.description
    monkeypatch.undo()
    (train / "a.txt").write_text(TEXT, encoding="utf-8")
    assert baselines.fitted_trigram([train], "the texts given", cache=cache).trigram.n_tokens < first.trigram.n_tokens


def test_a_damaged_cache_is_fitted_again_and_said_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train, cache = folder(tmp_path / "train"), tmp_path / "cache"
    first = baselines.fitted_trigram([train], "the texts given", cache=cache)
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        again = baselines.fitted_trigram([train], "the texts given", cache=cache)
    assert again.trigram.words == first.trigram.words
    assert "is damaged" in caplog.text


def test_a_cache_that_cannot_be_written_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        fitted = baselines.fitted_trigram([folder(tmp_path / "train")], "the texts given", cache=tmp_path / "file")
    assert fitted.trigram.n_tokens == 66
    assert "is not kept for the next time" in caplog.text


def test_the_cache_lies_in_the_user_s_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert baselines.default_cache() == Path("/somewhere/anaphora")


def test_texts_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file or folder"):
        baselines.fitted_trigram([tmp_path / "nothing"], "the texts given", cache=tmp_path)
