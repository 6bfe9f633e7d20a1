"""docs/novels.tsv is the list of what the shipped models were trained and scored on."""

from __future__ import annotations

import csv
import gzip
import hashlib
from pathlib import Path

import pytest

LIST = Path(__file__).resolve().parents[1] / "docs" / "novels.tsv"


@pytest.fixture(scope="module")
def novels() -> list[dict[str, str]]:
    with LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_novel_is_listed_with_its_hash(novels, shared) -> None:
    folder = shared / "corpora" / "novels"
    listed = {f"{novel['split']}/{novel['file']}": novel["sha256"] for novel in novels}
    there = {path.relative_to(folder).as_posix(): path for path in folder.glob("*/*.txt.gz")}
    assert listed == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}


def test_words_and_hash_of_the_text_are_those_of_the_file(novels, shared) -> None:
    for novel in novels[::20]:
        text = gzip.decompress((shared / "corpora" / "novels" / novel["split"] / novel["file"]).read_bytes())
        assert len(text.decode().split()) == int(novel["words"])
        assert hashlib.sha256(text).hexdigest() == novel["text_sha256"]


def test_the_test_books_authors_are_in_no_other_split(novels) -> None:
    def authors(split: str) -> list[str]:
        return [novel["author"] for novel in novels if novel["split"] == split]

    assert not set(authors("test")) & {*authors("train"), *authors("valid")}
    assert [len(authors(split)) for split in ("train", "valid", "test")] == [107, 4, 5]


def test_author_and_title_are_those_that_the_file_is_named_after(novels) -> None:
    for novel in novels:
        parts = novel["file"].removesuffix(".txt.gz").split("_", 2)
        translator = parts[2].replace("_", "-and-") if len(parts) == 3 else ""
        assert [_slug(novel[column]) for column in ("author", "title", "translator")] == [*parts[:2], translator]


def _slug(name: str) -> str:
    letters = name.lower().replace("ë", "e").replace("á", "a").replace("’", "")
    return "-".join("".join(c if c.isalnum() else " " for c in letters).split())
