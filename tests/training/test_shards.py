"""Token shards: what stands on disk, reading across files, when they are reused and when made anew."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model.tokenizer import KINDS, Tokenizer
from tests.tiny import SENTENCES, tiny_documents, tiny_shards, tiny_sources, tiny_tokenizer
from training import shard_writer, shards
from training.corpus import Document
from training.errors import ShardError
from training.shards import TokenShards, prepare_shards

TEXTS = [" ".join(SENTENCES[:3]) + "\n" + SENTENCES[3], SENTENCES[4], "\n".join(SENTENCES[5:])]


def _ids_of(texts: list[str], tokenizer: Tokenizer) -> list[int]:
    newline = tokenizer.encode_ids("\n")
    ids: list[int] = []
    for text in texts:
        paragraphs = [tokenizer.encode_ids(line) for line in text.split("\n")]
        inside = paragraphs[0] + [i for paragraph in paragraphs[1:] for i in newline + paragraph]
        ids += [tokenizer.begin_id, *inside, tokenizer.end_id]
    return ids


def _written_at(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.parametrize("kind", KINDS)
def test_each_document_stands_between_begin_and_end_with_newlines_between_paragraphs(tmp_path: Path, kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    tokens = tiny_shards(tmp_path, TEXTS, tokenizer)
    expected = _ids_of(TEXTS, tokenizer)
    assert tokens.read(0, len(tokens)).tolist() == expected
    assert tokens.document_starts.tolist() == [n for n, i in enumerate(expected) if i == tokenizer.begin_id]
    assert expected.count(tokenizer.encode_ids("\n")[0]) == 1 + 6


def test_a_short_text_worked_out_by_hand(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, ["She said he\nwas late", "him"], tiny_tokenizer("word"))
    pieces = [tiny_tokenizer("word").pieces[i] for i in tokens.read(0, 100)]
    assert pieces == ["<s>", "▁She", "▁said", "▁he", "\n", "▁was", "▁late", "</s>", "<s>", "▁him", "</s>"]
    assert [tokens.document_end(position) for position in (0, 7, 8, 10)] == [8, 8, 11, 11]


def test_an_empty_line_is_a_second_newline_piece(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, ["She\n\nhe"], tiny_tokenizer("word"))
    assert [tiny_tokenizer("word").pieces[i] for i in tokens.read(1, 5)] == ["▁She", "\n", "\n", "▁he"]


def test_unknown_pieces_and_characters_are_counted(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, ["she saw Xyz\nhe"], tiny_tokenizer("word"))
    assert tokens.manifest["n_unknown"] == 1
    assert tokens.manifest["n_characters"] == len("she saw Xyz\nhe\n")
    assert (tokens.manifest["n_tokens"], tokens.manifest["n_documents"]) == (7, 1)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_reading_goes_on_across_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_TOKENS", size)
    tokenizer = tiny_tokenizer()
    expected = _ids_of(TEXTS, tokenizer)
    tiny_shards(tmp_path, TEXTS, tokenizer)
    tokens = tiny_shards(tmp_path, TEXTS, tokenizer)  # as it is found again on disk
    assert len(tokens.manifest["shards"]) == -(-len(expected) // size) > 1
    assert len(tokens) == len(expected)
    for start in range(0, len(expected), 5):
        for stop in (start, start + 1, start + size, start + 3 * size + 1, len(expected) + 10):
            assert tokens.read(start, stop).tolist() == expected[start:stop]


def test_the_same_texts_are_not_prepared_again(tmp_path: Path) -> None:
    tiny_shards(tmp_path, TEXTS, tiny_tokenizer())
    before = _written_at(tmp_path)
    unread = iter([Document("never read", iter(()))])
    prepare_shards(tmp_path, unread, tiny_tokenizer(), tiny_sources(TEXTS))
    assert _written_at(tmp_path) == before
    assert next(unread).name == "never read"


def _change_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    return [*TEXTS[:2], TEXTS[2] + " She left."], tiny_tokenizer()


def _change_tokenizer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    return TEXTS, tiny_tokenizer("character")


def _change_kind_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    return TEXTS, Tokenizer.load(tiny_tokenizer().serialized, "word")


def _change_normaliser(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    monkeypatch.setattr(shards, "NORMALISER_VERSION", 99)
    return TEXTS, tiny_tokenizer()


def _truncate_shard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    path = folder / "tokens-00000.bin"
    path.write_bytes(path.read_bytes()[:-2])
    return TEXTS, tiny_tokenizer()


def _flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(bytes(data))


def _damage_shard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    _flip_a_bit(folder / "tokens-00000.bin")
    return TEXTS, tiny_tokenizer()


def _damage_documents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    _flip_a_bit(folder / "documents.npy")
    return TEXTS, tiny_tokenizer()


def _lose_shard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    (folder / "tokens-00000.bin").unlink()
    return TEXTS, tiny_tokenizer()


def _lose_documents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    (folder / "documents.npy").unlink()
    return TEXTS, tiny_tokenizer()


def _damage_manifest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Tokenizer]:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes()[:100])
    return TEXTS, tiny_tokenizer()


@pytest.mark.parametrize(
    "change",
    [
        _change_text,
        _change_tokenizer,
        _change_kind_alone,
        _change_normaliser,
        _truncate_shard,
        _damage_shard,
        _damage_documents,
        _lose_shard,
        _lose_documents,
        _damage_manifest,
    ],
)
def test_shards_are_made_anew_when_anything_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object
) -> None:
    tiny_shards(tmp_path, TEXTS, tiny_tokenizer())
    assert callable(change)
    texts, tokenizer = change(tmp_path, monkeypatch)
    unread = iter(tiny_documents(texts))
    tokens = prepare_shards(tmp_path, unread, tokenizer, tiny_sources(texts))
    assert list(unread) == []  # the texts were read again
    expected = _ids_of(texts, tokenizer)
    assert tokens.read(0, len(expected) + 1).tolist() == expected
    assert tokens.document_starts.tolist() == [n for n, i in enumerate(expected) if i == tokenizer.begin_id]


def test_an_interrupted_preparation_is_not_taken_for_a_finished_one(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Document]:
        yield from tiny_documents(TEXTS[:2])
        raise KeyboardInterrupt

    tiny_shards(tmp_path, ["she"], tiny_tokenizer())  # an earlier, finished corpus stands there
    with pytest.raises(KeyboardInterrupt):
        prepare_shards(tmp_path, interrupted(), tiny_tokenizer(), tiny_sources(TEXTS))
    assert not (tmp_path / "manifest.json").exists()
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer())
    assert tokens.read(0, len(tokens)).tolist() == _ids_of(TEXTS, tiny_tokenizer())


def test_a_corpus_without_a_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="no document; expected at least one paragraph"):
        tiny_shards(tmp_path, [], tiny_tokenizer())
    assert not (tmp_path / "manifest.json").exists()


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("a file, where the folder should be")
    with pytest.raises(ShardError, match=r"token shards cannot be written to .*shards: .*File exists"):
        tiny_shards(tmp_path / "shards", TEXTS, tiny_tokenizer())


def test_ids_beyond_two_bytes_are_kept_whole(tmp_path: Path) -> None:
    class Large:
        kind, begin_id, end_id, unknown_id, vocabulary_size, serialized = "subword", 2, 3, 1, 70_000, b"large"

        def encode_ids(self, text: str) -> list[int]:
            return [69_999]

    tokens = prepare_shards(tmp_path, tiny_documents(["any"]), Large(), [])  # type: ignore[arg-type]
    assert tokens.read(0, 3).tolist() == [2, 69_999, 3]
    assert tokens.manifest["dtype"] == "<u4"


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_writer, "SHARD_TOKENS", 1 << 19)
    paragraph = " ".join(SENTENCES)
    tokenizer = tiny_tokenizer()
    n_each = len(tokenizer.encode_ids(paragraph)) + 1
    per_document = (1 << 17) // n_each

    def documents(n: int) -> Iterator[Document]:
        for number in range(n):
            yield Document(str(number), (paragraph for _ in range(per_document)))

    def peak(n: int) -> int:
        tracemalloc.start()
        try:
            tokens = prepare_shards(tmp_path / str(n), documents(n), tokenizer, [])
            tokens.read(len(tokens) // 2, len(tokens) // 2 + 100)
            assert len(tokens) > n * (1 << 16)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(2), peak(6)  # 0.26 and 0.79 million tokens: as lists of ids 2 and 6 MB
    assert large < small + 1_000_000


def test_open_shards_are_mapped_not_loaded(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer())
    assert all(isinstance(part, np.memmap) for part in tokens._parts)


def test_the_manifest_names_every_file_and_the_texts(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert TokenShards(tmp_path, manifest).read(0, 50).tolist() == tokens.read(0, 50).tolist()
    assert [source["sha256"] for source in manifest["sources"]] == [source.sha256 for source in tiny_sources(TEXTS)]
