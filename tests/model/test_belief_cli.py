"""`anaphora belief`: a file read as it comes, and one clear line where it is no text."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path

import pytest

import anaphora
from model import load
from model.belief_cli import CHUNK_BYTES
from tests.tiny import SENTENCES, tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bundle(tmp_path_factory.mktemp("models") / "tiny"))


def written(folder: Path, data: str | bytes, name: str = "text.txt") -> str:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def failure(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    assert anaphora.main(["belief", *arguments]) == status
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err


def test_json_lines_are_the_tokens_of_the_whole_text(bundle: str, tmp_path: Path, capsys) -> None:
    text = "\ufeff" + "\r\n".join(SENTENCES * 60)  # several chunks, cut anywhere
    assert len(text.encode()) > 2 * CHUNK_BYTES
    assert anaphora.main(["belief", written(tmp_path, text), "--model", bundle, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    tokens = load(bundle).belief(text[1:]).tokens
    assert len(lines) == len(tokens)
    for line, token in zip(lines, tokens, strict=True):
        assert (line["text"], line["start"], line["end"]) == (token.text, token.start, token.end)
        assert line["probability"] == pytest.approx(token.probability, abs=1e-6)
        assert line["provisional"] is False


def test_a_pair_may_be_chosen_and_the_words_shaded(bundle: str, tmp_path: Path, capsys) -> None:
    file = written(tmp_path, SENTENCES[0])
    options = ["--model", bundle, "--pair", "his, her", "--colour", "always"]
    assert anaphora.main(["belief", file, *options]) == 0
    out = capsys.readouterr().out
    assert "\x1b[30;48;5;" in out
    assert "his" in out.splitlines()[0]


def test_elsewhere_than_in_a_terminal_there_is_a_line_a_token(bundle: str, tmp_path: Path, capsys) -> None:
    assert anaphora.main(["belief", written(tmp_path, "Mary was here"), "--model", bundle]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tiny: P(he) against she, if a pronoun came next"
    assert [line.split()[-1] for line in lines[2:]][:2] == ["<s>", "Mary"]


def test_standard_input_and_compressed_files_are_read_too(bundle: str, tmp_path: Path, capsys, monkeypatch) -> None:
    outputs = []
    for argument in (written(tmp_path, gzip.compress(b"Mary was \xc3\xa9"), "text.txt.gz"), "-"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Mary was é".encode())))
        assert anaphora.main(["belief", argument, "--model", bundle, "--json"]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "holds no text"),
        (b" \r\n\n \xc2\xa0", "holds no text"),
        (b"caf\xe9 was", "byte 4 is not UTF-8"),
        (b"Mary \xc3", "byte 6 is not UTF-8"),
        (b"a " * CHUNK_BYTES + b"\xff", f"byte {2 * CHUNK_BYTES + 1:,} is not UTF-8"),
        (b"Mary\0was", "NUL characters"),
        ("Mary".encode("utf-16"), "byte 1 is not UTF-8"),
        ("Mary".encode("utf-16-le"), "NUL characters"),
        (b"a" * 20_000, "no whitespace in more than 16,384 characters"),
    ],
)
def test_what_is_no_text_is_told_in_one_line(data: bytes, words: str, bundle: str, tmp_path: Path, capsys) -> None:
    file = written(tmp_path, data)
    line = failure(capsys, file, "--model", bundle, "--json")
    assert words in line
    assert line.startswith(f"anaphora: {file}")
    assert line.count("\n") == 1


def test_a_file_that_cannot_be_opened_is_told_in_one_line(bundle: str, tmp_path: Path, capsys) -> None:
    assert failure(capsys, str(tmp_path / "none"), "--model", bundle).endswith("none: No such file or directory\n")
    assert "Is a directory" in failure(capsys, str(tmp_path), "--model", bundle)
    for data in (b"not gzip", gzip.compress(b"Mary was here")[:-5], gzip.compress(b"Mary" * 99)[:30] + b"x" * 30):
        file = written(tmp_path, data, "text.gz")
        assert "cannot be decompressed" in failure(capsys, file, "--model", bundle)


def test_wrong_usage_has_its_own_status(tmp_path: Path, capsys) -> None:
    file = written(tmp_path, "Mary")
    assert "two words" in failure(capsys, file, "--pair", "he", status=2)
    assert "two words" in failure(capsys, file, "--pair", "he,she,it", status=2)
    assert "FILE" in failure(capsys, status=2)
    assert "two different ones" in failure(capsys, file, "--pair", "he,he")


def test_a_word_that_the_model_cannot_read_is_a_warning(tmp_path: Path, capsys) -> None:
    words = str(tiny_bundle(tmp_path / "words", kind="word"))
    assert anaphora.main(["belief", written(tmp_path, "Mary"), "--model", words, "--pair", "he,zebra"]) == 0
    assert "'zebra' holds a piece unknown" in capsys.readouterr().err


def test_memory_does_not_grow_with_the_text(bundle: str, tmp_path: Path, monkeypatch) -> None:
    peaks = []
    monkeypatch.setattr("model.belief_cli.CHUNK_BYTES", 1024)
    for n_times in (10, 50):
        file = written(tmp_path, "\n".join(SENTENCES * n_times))
        tracemalloc.start()
        with (tmp_path / "out").open("w") as out, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            assert anaphora.main(["belief", file, "--model", bundle, "--json"]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
