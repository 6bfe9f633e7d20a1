"""A preparation that was killed goes on where it stopped, and ends in the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tiny import SENTENCES, tiny_documents, tiny_sources, tiny_tokenizer
from training import encoding, shard_writer
from training.corpus import Document
from training.errors import ShardError
from training.shards import Progress, prepare_shards

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["\n".join(SENTENCES), *SENTENCES[:3], "\n\n".join(SENTENCES[::-1])]


@pytest.fixture(autouse=True)
def _small_chunks_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK_CHARACTERS", 60)
    monkeypatch.setattr(shard_writer, "SHARD_TOKENS", 100)
    monkeypatch.setattr(shard_writer, "RECORD_SECONDS", 0.0)


class _Stopped(Exception):
    pass


def _prepare(folder: Path, texts: list[str] = TEXTS, listener: Callable[[Progress], None] | None = None) -> int:
    """Prepares, and returns how many ids this process added."""
    told: list[int] = []

    def listen(progress: Progress) -> None:
        told.append(progress.n_tokens)
        if listener is not None and len(told) > 1:  # the first time tells what was there
            listener(progress)

    prepare_shards(folder, tiny_documents(texts), tiny_tokenizer(), tiny_sources(texts), listener=listen)
    return len(told) - 1


def _stop_after(n_chunks: int) -> Callable[[Progress], None]:
    left = n_chunks

    def listener(progress: Progress) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise _Stopped

    return listener


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_it_goes_on_where_it_stopped_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    n_chunks = _prepare(tmp_path / "straight")
    assert len([name for name in _files(tmp_path / "straight") if name.startswith("tokens-")]) >= 3
    for n_done in range(1, n_chunks):
        folder = tmp_path / str(n_done)
        with pytest.raises(_Stopped):
            _prepare(folder, listener=_stop_after(n_done))
        assert _prepare(folder) == n_chunks - n_done
        assert _files(folder) == _files(tmp_path / "straight")


def test_what_was_written_after_the_last_note_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _prepare(tmp_path / "straight")
    folder = tmp_path / "interrupted"
    with pytest.raises(_Stopped):
        _prepare(folder, listener=_stop_after(4))
    for path in (*folder.glob("tokens-*.bin"), folder / "documents.part"):
        size = next((file["bytes"] for file in _noted(folder) if file["name"] == path.name), 0)
        assert path.stat().st_size >= size
    last = sorted(folder.glob("tokens-*.bin"))[-1]
    last.write_bytes(last.read_bytes() + b"half a chunk")
    (folder / "tokens-00099.bin").write_bytes(b"a file that was begun")
    _prepare(folder)
    assert _files(folder) == _files(tmp_path / "straight")


def _noted(folder: Path) -> list[dict[str, object]]:
    progress = json.loads((folder / "progress.json").read_text())
    return [*progress["shards"], progress["documents"]]


def _damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("name", ["tokens-00000.bin", "documents.part", "progress.json"])
@pytest.mark.parametrize("change", [_damage, Path.unlink, lambda path: os.truncate(path, 3)])
def test_a_damaged_beginning_is_not_built_upon(tmp_path: Path, name: str, change: Callable[[Path], None]) -> None:
    n_chunks = _prepare(tmp_path / "straight")
    folder = tmp_path / "interrupted"
    with pytest.raises(_Stopped):
        _prepare(folder, listener=_stop_after(5))
    change(folder / name)
    assert _prepare(folder) == n_chunks
    assert _files(folder) == _files(tmp_path / "straight")


def test_the_beginning_of_other_texts_is_not_built_upon(tmp_path: Path) -> None:
    with pytest.raises(_Stopped):
        _prepare(tmp_path / "shards", listener=_stop_after(3))
    changed = [TEXTS[0].replace("Mary", "Anna"), *TEXTS[1:]]
    _prepare(tmp_path / "shards", changed)
    _prepare(tmp_path / "straight", changed)
    assert _files(tmp_path / "shards") == _files(tmp_path / "straight")


def test_an_error_in_the_texts_keeps_what_was_done(tmp_path: Path) -> None:
    def broken() -> Iterator[Document]:
        yield from tiny_documents(TEXTS[:-1])
        raise ShardError("the last file cannot be read")

    with pytest.raises(ShardError, match="last file"):
        prepare_shards(tmp_path / "shards", broken(), tiny_tokenizer(), tiny_sources(TEXTS))
    n_left = _prepare(tmp_path / "shards")
    assert n_left < _prepare(tmp_path / "straight")
    assert _files(tmp_path / "shards") == _files(tmp_path / "straight")


def test_a_process_killed_outright_again_and_again_gets_to_the_end(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from tests.training import test_shard_writer as ours
        if __name__ == "__main__":
            ours.encoding.CHUNK_CHARACTERS, ours.shard_writer.SHARD_TOKENS = 60, 100
            ours.shard_writer.RECORD_SECONDS = 0.0
            left = int(sys.argv[2])
            def listener(progress):
                global left
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
            ours._prepare(Path(sys.argv[1]), listener=listener)
        """
    )
    path = tmp_path / "victim.py"
    path.write_text(script)
    folder = tmp_path / "shards"
    statuses = []
    for n_chunks in (3, 1, 6, 1000):
        command = [sys.executable, str(path), str(folder), str(n_chunks)]
        statuses.append(subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False).returncode)
    assert statuses == [-signal.SIGKILL] * 3 + [0]
    _prepare(tmp_path / "straight")
    assert _files(folder) == _files(tmp_path / "straight")
