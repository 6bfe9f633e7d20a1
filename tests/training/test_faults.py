"""What a run does when the machine or its files fail: one clear error, and nothing lost that was there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import anaphora
from tests.training.conftest import TinyRun, tiny_run, train, write_corpus
from tests.training.test_export import stop_after
from training.checkpoint import load_checkpoint
from training.errors import CheckpointError, CorpusError, TrainingConfigError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRun:
    """A run that was stopped after 3 of 6 steps, with the words to go on."""
    tiny = tiny_run(tmp_path, valid=[str(write_corpus(tmp_path / "held-out", 3))])
    with monkeypatch.context() as patched:
        stop_after(3, patched)
        assert not train(tiny)
    return replace(tiny, options=replace(tiny.options, resume=True))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("changed", ["texts/first.txt", "held-out/second.txt"])
def test_a_corpus_that_changed_under_a_resume_is_refused_and_nothing_is_touched(stopped: TinyRun, changed: str) -> None:
    path = stopped.options.out.parent / changed
    path.write_text(path.read_text() + "\nAnna was late.", encoding="utf-8")
    folder = stopped.options.run_folder
    before = contents(folder)
    with pytest.raises(CheckpointError, match=r"other texts|other validation texts"):
        train(stopped)
    assert contents(folder) == before


def test_a_damaged_shard_is_told_and_made_again_from_the_texts(
    stopped: TinyRun, finished: TinyRun, caplog: pytest.LogCaptureFixture
) -> None:
    shard = stopped.options.run_folder / "shards" / "tokens-00000.bin"
    whole = shard.read_bytes()
    shard.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert train(stopped)
    assert f"the token shard {shard} is missing or damaged: the shards are made again" in caplog.text
    assert shard.read_bytes() == whole
    assert all((stopped.bundle.weights[name] == value).all() for name, value in finished.bundle.weights.items())


def test_a_tokenizer_that_changed_under_a_resume_is_refused(stopped: TinyRun, finished: TinyRun) -> None:
    folder = stopped.options.run_folder
    model = folder / "tokenizer.model"
    model.write_bytes(model.read_bytes().replace(b"Anna", b"Anja"))
    whole = load_checkpoint(folder / "checkpoint.safetensors").values
    with pytest.raises(CheckpointError, match="was made with another tokenizer and another training texts"):
        train(stopped)
    assert load_checkpoint(folder / "checkpoint.safetensors").values == whole


def _no_space(*arguments: Any, **options: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "tiny.run/some-file")


def test_a_disk_that_is_full_in_preparation_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = tiny_run(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("training.preparation.prepare_shards", _no_space)
        with pytest.raises(CorpusError, match=r"some-file cannot be written \(No space left .* give the same command"):
            train(tiny)
    assert train(tiny)


def _limited(limit: str, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a process that is refused more than the limit."""
    pytest.importorskip("resource", reason="Windows has no such limits")
    code = f"import resource, sys\nresource.setrlimit(resource.{limit[0]}, ({limit[1]},) * 2)\n" + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_files_that_may_not_grow_end_the_command_with_one_line_and_status_1(tmp_path: Path) -> None:
    """As a full disk, but for this process alone."""
    texts = write_corpus(tmp_path / "texts")
    code = f"""
    import anaphora
    settings = "--layers 1 --hidden 64 --embedding 64 --vocabulary 160 --rows 4 --bptt-steps 24 --device cpu --steps 3"
    words = ["train", {str(texts)!r}, "--out", {str(tmp_path / "tiny")!r}, "--validation-share", "0.3"]
    sys.exit(anaphora.main(words + settings.split() + ["--least-right-context", "4", "--threads", "1"]))
    """
    done = _limited(("RLIMIT_FSIZE", 200_000), code, tmp_path)  # shards of 4 kB fit in, a checkpoint does not
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("anaphora: the checkpoint ")
    assert "cannot be written" in last
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "tiny.run").glob("*.tmp"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tiny = tiny_run(tmp_path, out=tmp_path / "locked" / "tiny")
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(TrainingConfigError, match=r"cannot be written \(Permission denied\); give"):
        train(tiny)


@pytest.mark.parametrize("method", ["mkdir", "write_text"])
def test_a_read_only_file_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    tiny = tiny_run(tmp_path)

    def read_only(path: Path, *arguments: Any, **options: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, method, read_only)
    with pytest.raises(TrainingConfigError, match=r"cannot be written \(Read-only file system\); give another --out"):
        train(tiny)


def test_a_read_only_run_folder_ends_a_resumed_run_with_its_checkpoint_whole(
    stopped: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stopped.options.run_folder / "checkpoint.safetensors"
    before = path.read_bytes()

    def read_only(tensors: Any, path: Path, metadata: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("training.checkpoint.save_file", read_only)
    with pytest.raises(CheckpointError, match=r"cannot be written \(.*Read-only file system\)"):
        train(stopped)
    assert path.read_bytes() == before


def test_a_line_of_a_gigabyte_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "endless.txt"
    with path.open("wb") as file:
        file.write(b"Anna left.\n" + b"x" * 100)
        file.truncate(1 << 30)  # takes no room on the disk
    code = f"""
    from training.corpus import read_documents
    from training.errors import CorpusError
    try:
        for document in read_documents([{str(path)!r}]):
            list(document.paragraphs)
    except CorpusError as error:
        print(error)
    """
    done = _limited(("RLIMIT_DATA", 400 << 20), code, tmp_path)
    assert done.stdout == f"{path}, line 2: longer than 64 MiB. A line is a paragraph; break the text into lines.\n", (
        done.stderr
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A.\ncaf\xe9\n", "bad.txt, line 2: not UTF-8 (byte 0xe9 at byte 3 of the line)"),
        (b"\x89PNG\r\n\x1a\n\0\0", "bad.txt, line 1: not UTF-8 (byte 0x89"),
        (b"ELF\n\0\1", "bad.txt, line 2: holds NUL bytes, so it is binary or UTF-16"),
        (b"", "the corpus is empty: no text in"),
    ],
)
def test_a_text_that_is_none_ends_the_command_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    assert anaphora.main(["train", str(path), "--out", str(tmp_path / "out"), "--steps", "1"]) == 1
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
