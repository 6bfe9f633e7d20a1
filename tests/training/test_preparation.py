"""From texts to ids: a large corpus has its tokenizer fitted to a sample, and long waits are told of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tiny import SENTENCES
from tests.training.conftest import tiny_run, write_corpus
from training import encoding, preparation
from training.augmentation import Augmentation
from training.corpus import read_documents
from training.encoding import Encoder, Stretch
from training.preparation import fitted_share, prepare
from training.pronouns import load_pairs
from training.shards import Progress, prepare_shards
from training.sources import SourceRecord


def test_only_a_corpus_beyond_the_limit_is_sampled() -> None:
    half = SourceRecord("a.txt", preparation.FITTED_BYTES // 2, "")
    assert fitted_share([]) == fitted_share([half]) == fitted_share([half, half]) == 1.0
    assert fitted_share([half] * 8) == 0.25


def test_a_sampled_tokenizer_still_reads_every_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_run(tmp_path)
    tiny.options.run_folder.mkdir()
    whole = prepare(tiny.config, load_pairs(), tiny.options)
    monkeypatch.setattr(preparation, "FITTED_BYTES", 2_000)
    sampled = tiny_run(tmp_path, corpus=write_corpus(tmp_path / "texts"), out=tmp_path / "sampled")
    sampled.options.run_folder.mkdir()
    corpus = prepare(sampled.config, load_pairs(), sampled.options)
    assert corpus.tokenizer.serialized != whole.tokenizer.serialized
    assert corpus.tokens.manifest["n_characters"] == whole.tokens.manifest["n_characters"]


def test_a_long_preparation_tells_how_fast_it_is_by_what_was_done_since(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(preparation, "say", said.append)
    tell = preparation._Teller()
    for seconds in range(0, 71, 10):  # 1,000 tokens were there already
        tell(Progress(1_000 + 100 * seconds, 5_000 + 400 * seconds, float(seconds)))
    assert said == [
        "4,000 tokens, 17,000 characters; 100 tokens/s",
        "7,000 tokens, 29,000 characters; 100 tokens/s",
    ]


def test_workers_change_the_paragraphs_as_one_pass_over_the_documents_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "CHUNK_CHARACTERS", 1_000)
    monkeypatch.setattr(encoding, "CHUNKS_BEFORE_WORKERS", 1)
    lines = [sentence for number in range(12) for sentence in (*SENTENCES, *[""] * (number % 3 == 0))]
    (tmp_path / "texts").mkdir()
    for name in ("first.txt", "second.txt"):
        (tmp_path / "texts" / name).write_text("\n".join(lines), encoding="utf-8")
    tiny = tiny_run(tmp_path, corpus=tmp_path / "texts", rename_share=0.5, swap_share=0.5, seed=3)
    options = replace(tiny.options, n_workers=2)
    options.run_folder.mkdir()
    corpus = prepare(tiny.config, load_pairs(), options)

    augmentation = Augmentation(load_pairs(), 0.5, 0.5, 3)
    documents = augmentation.documents(read_documents([tmp_path / "texts"]))
    encoder = Encoder(corpus.tokenizer)
    # As one stretch each, so that nothing of the chunks is in it.
    expected = [
        int(i)
        for document in documents
        for i in encoder.encode([Stretch(document.name, 0, list(document.paragraphs), ends=True)]).ids
    ]
    assert corpus.tokens.read(0, len(corpus.tokens)).tolist() == expected
    plain = prepare_shards(tmp_path / "plain", read_documents([tmp_path / "texts"]), corpus.tokenizer, [])
    assert plain.read(0, len(plain)).tolist() != expected
