"""Validation texts that were trained on: the same file is refused, the same paragraphs are told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_shards, tiny_tokenizer
from training import duplicates
from training.duplicates import check_files, find_duplicates, told
from training.errors import CorpusError
from training.sources import SourceRecord

HAT = "The old man lost his hat in the garden, and the girl gave it to him when she was leaving the house."
BOOK = "When she was tired she sat by herself in the old garden, and Paul looked for his book at the station."
DOOR = "Paul opened the door for her mother, and Anna said to the old man that he was late, and he never was."
SHORT = "He said so himself."


@pytest.fixture(params=[7, 1 << 20], ids=["blocks shorter than a paragraph", "one block"])
def block_tokens(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(duplicates, "BLOCK_TOKENS", request.param)
    return int(request.param)


def write(folder: Path, texts: list[str]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


@pytest.mark.parametrize("kind", ["subword", "character"])
def test_long_paragraphs_of_both_are_found_and_told_with_file_and_line(
    tmp_path: Path, block_tokens: int, kind: str
) -> None:
    tokenizer = tiny_tokenizer(kind)
    training = [f"{SHORT}\n{HAT}\n{SHORT}", f"{BOOK} And more."]
    valid = [f"{SHORT}\n\n{DOOR}", f"{SHORT}\n\n\n{SHORT}\n{HAT}\n{BOOK}", SHORT]
    tokens = tiny_shards(tmp_path / "shards", training, tokenizer)
    held_out = tiny_shards(tmp_path / "valid-shards", valid, tokenizer)
    found = find_duplicates(tokens, held_out, tokenizer)
    assert (found.n_paragraphs, found.n_found) == (3, 1)  # BOOK is another paragraph in training, SHORT is short
    assert [(one.number, one.n_paragraphs, one.n_found) for one in found.documents] == [(1, 2, 1)]
    first, whole = told(found, write(tmp_path / "valid", valid), "text")
    assert first.startswith(
        "valid/1.txt, line 5: of the 2 paragraphs of 80 characters and more in this validation text"
    )
    assert "1 stand in the training texts too" in first
    assert whole.startswith("1 of 3 such paragraphs of the validation texts stand in the training texts:")


def test_texts_that_share_nothing_or_next_to_nothing_are_passed_in_silence(
    tmp_path: Path, block_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tiny_tokenizer()
    tokens = tiny_shards(tmp_path / "shards", [f"{HAT}\n{SHORT}"], tokenizer)
    valid = [f"{BOOK}\n{DOOR}\n{SHORT}\n{HAT}"]
    held_out = tiny_shards(tmp_path / "valid-shards", valid, tokenizer)
    monkeypatch.setattr(duplicates, "TOLD_SHARE", 0.5)
    found = find_duplicates(tokens, held_out, tokenizer)
    assert (found.n_paragraphs, found.n_found, found.documents) == (3, 1, ())
    assert told(found, write(tmp_path / "valid", valid), "text") == []
    nothing = tiny_shards(tmp_path / "short", [SHORT], tokenizer)
    assert find_duplicates(tokens, nothing, tokenizer).n_paragraphs == 0


def test_of_many_documents_the_first_are_told_and_the_others_counted(tmp_path: Path, block_tokens: int) -> None:
    tokenizer = tiny_tokenizer()
    tokens = tiny_shards(tmp_path / "shards", [HAT], tokenizer)
    valid = [HAT] * 4
    found = find_duplicates(tokens, tiny_shards(tmp_path / "valid-shards", valid, tokenizer), tokenizer)
    lines = told(found, write(tmp_path / "valid", valid), "text", most=2)
    assert [line.partition(":")[0] for line in lines[:2]] == ["valid/0.txt, line 1", "valid/1.txt, line 1"]
    assert "4 of 4" in lines[2]
    assert "2 more documents among them" in lines[2]


def test_a_file_that_is_in_both_is_refused_and_both_are_named() -> None:
    same = "ab" * 32
    with pytest.raises(CorpusError, match=r"text valid/a\.txt is the training text train/b\.txt, byte for byte"):
        check_files([SourceRecord("train/b.txt", 3, same)], [SourceRecord("valid/a.txt", 3, same)])
    check_files([SourceRecord("train/b.txt", 3, same)], [SourceRecord("valid/a.txt", 3, "cd" * 32)])
    check_files([SourceRecord("train/b.txt", 0, same)], [SourceRecord("valid/a.txt", 0, same)])  # two empty files
