"""Which files a command line names, their names in provenance, and their hashes."""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path

import pytest

from training.errors import CorpusError
from training.sources import fingerprint, source_files, spool


def write(path: Path, text: str = "text\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_gives_its_readable_files_at_any_depth_sorted_by_path(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.jsonl", "a/b.txt.gz", "c.parquet", "notes.gz", "a/d.ndjson"):
        write(tmp_path / "books" / name)
    names = [file.name for file in source_files([tmp_path / "books"])]
    assert names == [
        "books/a/b.txt.gz", "books/a/d.ndjson", "books/a/z.jsonl", "books/b.txt", "books/c.parquet", "books/notes.gz",
    ]  # fmt: skip


def test_files_of_other_kinds_and_hidden_ones_are_passed_over_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.txt", "README.md", "dataset_info.json", "all.tar.gz", ".hidden.txt", ".git/objects.txt"):
        write(tmp_path / name)
    with caplog.at_level(logging.INFO):
        assert [file.path.name for file in source_files([tmp_path])] == ["a.txt"]
    assert "3 files of other kinds" in caplog.text


def test_a_file_named_by_itself_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    path = write(tmp_path / "books" / "emma")
    assert source_files([path])[0].name == "books/emma"


def test_a_file_named_twice_is_read_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "books" / "a.txt")
    with caplog.at_level(logging.WARNING):
        assert len(source_files([tmp_path / "books", path])) == 1
    assert "read once" in caplog.text


def test_a_link_back_to_a_folder_above_does_not_loop(tmp_path: Path) -> None:
    write(tmp_path / "books" / "a.txt")
    (tmp_path / "books" / "again").symlink_to(tmp_path / "books")
    assert len(source_files([tmp_path / "books"])) == 1


def test_a_missing_path_and_a_folder_without_texts_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere.txt: no such file or folder"):
        source_files([tmp_path / "nowhere.txt"])
    write(tmp_path / "empty" / "picture.png")
    with pytest.raises(CorpusError, match=r"empty: no readable file in this folder; expected .txt"):
        source_files([tmp_path / "empty"])


def test_a_fingerprint_is_name_size_and_hash_of_the_file_as_it_lies_on_disk(tmp_path: Path) -> None:
    path = write(tmp_path / "books" / "a.txt", "Anna left.\n")
    (record,) = fingerprint([tmp_path / "books"])
    assert (record.name, record.bytes) == ("books/a.txt", 11)
    assert record.sha256 == hashlib.sha256(b"Anna left.\n").hexdigest()
    path.write_text("Anna stayed.\n", encoding="utf-8")
    assert fingerprint([tmp_path / "books"])[0].sha256 != record.sha256


def test_a_fingerprint_names_no_folder_of_the_machine_above_the_given_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "novels" / "train" / "x" / "a.txt")
    monkeypatch.chdir(tmp_path / "novels" / "train")
    assert fingerprint(["."])[0].name == "train/x/a.txt"


@pytest.mark.parametrize(
    ("content", "name"), [(b'{"text": "x"}\n', "standard-input.jsonl"), (b"Anna.\n", "standard-input.txt")]
)
def test_standard_input_is_kept_in_a_file_of_its_kind(tmp_path: Path, content: bytes, name: str) -> None:
    path = spool(tmp_path / "run", io.BytesIO(content))
    assert (path.name, path.read_bytes()) == (name, content)
    assert fingerprint([path])[0].name == f"run/{name}"


def test_standard_input_itself_has_no_fingerprint() -> None:
    with pytest.raises(CorpusError, match="can be read only once"):
        fingerprint(["-"])
