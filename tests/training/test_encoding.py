"""Chunks and their encoding: the same ids wherever the text is cut, and however many processes there are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.text import normalised
from tests.tiny import SENTENCES, tiny_documents, tiny_sources, tiny_tokenizer
from training import encoding
from training.corpus import Document, paragraphs_of
from training.encoding import Encoder, Stretch, available_cores, chunks, encoded
from training.errors import ShardError
from training.shards import TokenShards, prepare_shards

ROOT = Path(__file__).resolve().parents[2]
LINES = [
    "",
    SENTENCES[0],
    "",
    "  ",
    SENTENCES[1] + "\t",
    "\u200b",
    SENTENCES[2] + "\x85\x85" + SENTENCES[3],
    "",
    "",
    "x",
]
"""Raw lines: breaks of several kinds, a line that is empty once normalised, one that is two paragraphs."""


def _raw() -> list[Document]:
    texts = {"first": LINES[1:], "second": ["one line"], "third": LINES[4:]}
    return [Document(name, iter(lines)) for name, lines in texts.items()]


def _ids(documents: list[Document]) -> list[int]:
    encoder = Encoder(tiny_tokenizer())
    return [int(i) for chunk in chunks(documents) for i in encoder.encode(chunk).ids]


@pytest.mark.parametrize("size", [1, 40, 130, 1 << 18])
def test_where_the_text_is_cut_does_not_show_in_the_ids(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(encoding, "CHUNK_CHARACTERS", size)
    texts = [Document(d.name, paragraphs_of(d.paragraphs)) for d in _raw()]
    tokenizer = tiny_tokenizer()
    newline = tokenizer.encode_ids("\n")
    expected: list[int] = []
    for document in texts:
        first, *others = document.paragraphs
        expected += [tokenizer.begin_id, *tokenizer.encode_ids(first)]
        for paragraph in others:
            expected += newline + tokenizer.encode_ids(paragraph)
        expected.append(tokenizer.end_id)
    assert _ids(_raw()) == expected


def test_chunks_are_cut_by_characters_and_after_a_line_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK_CHARACTERS", 6)
    texts = {"a": ["12", "", "456", "8", "", "x"], "b": ["y"], "c": ["z"]}
    assert list(chunks(Document(name, iter(lines)) for name, lines in texts.items())) == [
        [Stretch("a", 0, ["12", "", "456"], ends=False)],
        [Stretch("a", 3, ["8", "", "x"], ends=True)],
        [Stretch("b", 0, ["y"], ends=True), Stretch("c", 0, ["z"], ends=False)],
        [Stretch("c", 1, [], ends=True)],
    ]
    empty_lines = Document("d", iter(["12345678", *[""] * 20]))
    assert [len(chunk[0].lines) for chunk in chunks([empty_lines])] == [1, 20]


def test_a_stretch_of_paragraphs_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK_CHARACTERS", 5)
    lines = ["1", "2", "3", "4", "5", "6", "7", "", "9", "10"]
    cut = list(chunks([Document("a", iter(lines))], multiple=2))
    assert [(chunk[0].n_before, len(chunk[0].lines)) for chunk in cut] == [(0, 4), (4, 6), (10, 0)]
    assert [line for chunk in cut for line in chunk[0].lines] == lines


def shouted(document: str, n_before: int, paragraphs: list[str]) -> list[str]:
    """A transform for the tests: says where the paragraphs stand, and leaves one out."""
    return [f"{document} {n_before}", *(paragraph.upper() for paragraph in paragraphs if paragraph != "x")]


def test_a_transform_is_told_where_the_paragraphs_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK_CHARACTERS", 6)
    documents = [Document("a", iter(["she", "x", "he", "was"])), Document("b", iter(["he"]))]
    tokenizer = tiny_tokenizer("character")
    encoder = Encoder(tokenizer, shouted)
    ids = [int(i) for chunk in chunks(documents) for i in encoder.encode(chunk).ids]
    newline = tokenizer.encode_ids("\n")
    expected = [[tokenizer.begin_id]]
    for number, text in enumerate(("a 0", "SHE", "a 2", "HE", "WAS")):
        expected += [newline * (number > 0), tokenizer.encode_ids(text)]
    expected += [
        [tokenizer.end_id, tokenizer.begin_id],
        tokenizer.encode_ids("b 0"),
        newline,
        tokenizer.encode_ids("HE"),
    ]
    assert ids == [i for part in expected for i in part] + [tokenizer.end_id]


def _texts() -> list[str]:
    return ["\n".join(SENTENCES) * 3, SENTENCES[1], "\n\n".join(SENTENCES[::-1]) * 4]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_files_are_the_same_whatever_the_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK_CHARACTERS", 100)
    monkeypatch.setattr(encoding, "CHUNKS_BEFORE_WORKERS", 2)

    def prepared(name: str, n_workers: int) -> TokenShards:
        return prepare_shards(
            tmp_path / name,
            tiny_documents(_texts()),
            tiny_tokenizer(),
            tiny_sources(_texts()),
            {"transform": "shouted"},
            transform=shouted,
            n_workers=n_workers,
        )

    alone, three = prepared("one", 1), prepared("three", 3)
    assert len(alone) > 1000
    assert _files(tmp_path / "one") == _files(tmp_path / "three")
    assert three.manifest["made_with"] == {"transform": "shouted"}


def test_chunks_wait_for_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNKS_BEFORE_WORKERS", 1)
    n_read = 0

    def todo() -> Iterator[list[Stretch]]:
        nonlocal n_read
        for number in range(60):
            n_read += 1
            yield [Stretch(str(number), 0, [SENTENCES[0]], ends=True)]

    done = encoded(todo(), Encoder(tiny_tokenizer()), 2)
    for n_written in range(1, 20):
        assert next(done).document_starts.tolist() == [0]
        assert n_read <= n_written + encoding.CHUNKS_AHEAD * 2 + 1
    done.close()


def killer(document: str, n_before: int, paragraphs: list[str]) -> list[str]:
    """A transform that ends the process it runs in."""
    os.kill(os.getpid(), signal.SIGKILL)
    return paragraphs


def test_a_worker_that_is_killed_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNKS_BEFORE_WORKERS", 0)
    todo = iter([[Stretch("a", 0, [normalised(SENTENCES[0])], ends=True)]] * 4)
    with pytest.raises(ShardError, match=r"processes that tokenize was killed.*it goes on where it stopped"):
        list(encoded(todo, Encoder(tiny_tokenizer(), killer), 2))


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import itertools, multiprocessing, os, signal
        from tests.tiny import tiny_tokenizer
        from training import encoding
        if __name__ == "__main__":
            encoding.CHUNKS_BEFORE_WORKERS = 0
            todo = ([encoding.Stretch(str(n), 0, ["she"], True)] for n in itertools.count())
            done = encoding.encoded(todo, encoding.Encoder(tiny_tokenizer()), 2)
            next(done)
            print(*(process.pid for process in multiprocessing.active_children()), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    path = tmp_path / "parent.py"
    path.write_text(script)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    workers = [int(word) for word in done.stdout.split()]
    assert done.returncode == -signal.SIGKILL
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(_is_running(worker) for worker in workers):
        assert time.monotonic() < deadline, "the workers outlive their parent"
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_there_is_a_core_to_work_on() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
