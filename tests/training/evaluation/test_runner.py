"""`anaphora evaluate` on a real tiny bundle: the report, the same bytes twice, and wrong usage."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from model.bundle import read_bundle
from tests.tiny import SENTENCES, tiny_bundle
from tests.training.evaluation.gap_rows import write
from training.card import with_figures
from training.errors import CorpusError, EvaluationError, PairsError
from training.evaluation import runner
from training.evaluation.runner import Options, main

TEXT = "\n".join(SENTENCES)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("train", "test"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "a.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path / "texts" / "test"


def test_the_cloze_suite_prints_a_table_and_writes_a_report(
    bundle: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.json"
    argv = [bundle, "--suite", "cloze", "--data", str(data), "--json", str(out), "--cache", str(tmp_path / "cache")]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "he/she cloze, all: 10 items" in printed
    assert "n-gram both" in printed
    assert "1 of the data's files are also among the n-gram's texts" in printed
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["bundle"]["name"] == "tiny"
    assert report["data"][0]["name"] == "test/a.txt"
    assert set(report["results"]["pairs"]) == {"he/she", "him/her", "his/her", "his/hers", "himself/herself"}
    assert report["versions"].keys() >= {"anaphora", "numpy", "onnxruntime", "python", "normaliser"}
    assert report["options"]["window"] == {"left": 400, "right": 120, "whole_document": False}


def test_the_same_evaluation_gives_the_same_bytes_and_names_no_folder_of_this_machine(
    bundle: str, data: Path, tmp_path: Path
) -> None:
    written = []
    for name in ("first.json", "second.json"):
        out = tmp_path / name
        cache = str(tmp_path / "cache")
        main([bundle, "--suite", "cloze", "--data", str(data), "--limit", "3", "--json", str(out), "--cache", cache])
        written.append(out.read_bytes())
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in written[0]


def test_the_suites_of_pairs_and_perplexity_run_from_the_command(
    bundle: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blimp = tmp_path / "gender.jsonl"
    blimp.write_text('{"sentence_good": "Anna saw herself.", "sentence_bad": "Anna saw himself."}', encoding="utf-8")
    assert main([bundle, "--suite", "pairs", "--data", str(blimp), "--no-ngram"]) == 0
    assert main([bundle, "--suite", "perplexity", "--data", str(data), "--no-ngram"]) == 0
    printed = capsys.readouterr().out
    assert "sentence" in printed
    assert "bits per character" in printed


def test_one_pair_and_a_window_can_be_chosen(bundle: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [
        bundle,
        "--suite",
        "cloze",
        "--data",
        str(data),
        "--pair",
        "him/her",
        "--left",
        "20",
        "--right",
        "0",
        "--no-ngram",
    ]
    main(argv)
    printed = capsys.readouterr().out
    assert printed.count(" cloze, all: ") == 1
    assert "him/her cloze, all" in printed


def test_without_training_text_the_report_says_why_there_is_no_n_gram(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding="utf-8")
    main([bundle, "--suite", "cloze", "--data", str(path), "--pair", "he/she"])
    printed = capsys.readouterr().out
    assert "n-gram left" not in printed
    assert "no n-gram column: no training text was found around the data; name one with --ngram-data" in printed


def test_standard_input_is_data_too(
    bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    out = tmp_path / "report.json"
    assert main([bundle, "--suite", "cloze", "--data", "-", "--pair", "he/she", "--json", str(out)]) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["data"][0]["name"] == "given/standard-input.txt"
    assert "10 items" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["--suite", "glue", "--data", "x"], ["--suite", "cloze"], ["--data", "x"]])
def test_wrong_usage_is_exit_2(bundle: str, argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([bundle, *argv])
    assert caught.value.code == 2


def test_what_cannot_be_done_is_refused_before_anything_slow(bundle: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="reads no data; leave --data out"):
        main(["no-such-bundle", "--suite", "tracking", "--data", str(data)])
    with pytest.raises(EvaluationError, match=r"there is no folder .*missing; create it first"):
        main(
            ["no-such-bundle", "--suite", "cloze", "--data", str(data), "--json", str(tmp_path / "missing" / "x.json")]
        )
    with pytest.raises(EvaluationError, match="a limit of 0 items"):
        main(["no-such-bundle", "--suite", "cloze", "--data", str(data), "--limit", "0"])
    with pytest.raises(EvaluationError, match="switched off"):
        Options(ngram=False, ngram_data=(data,))
    with pytest.raises(CorpusError, match="no such file or folder"):
        main([bundle, "--suite", "cloze", "--data", str(tmp_path / "nowhere")])
    with pytest.raises(PairsError, match="no pair 'they/them'"):
        main([bundle, "--suite", "cloze", "--data", str(data), "--pair", "they/them"])


def test_figures_can_be_put_into_the_bundle_and_its_card(tmp_path: Path, data: Path) -> None:
    own = tiny_bundle(tmp_path / "own")
    weights = (own / "weights.safetensors").read_bytes()
    argv = [str(own), "--suite", "cloze", "--data", str(data), "--no-ngram", "--record"]
    assert main(argv) == 0
    assert main([*argv, "my tests"]) == 0
    metrics = read_bundle(own).metadata["metrics"]["cloze"]
    assert set(metrics) == {"test/a.txt", "my tests"}
    assert metrics["test/a.txt"]["results"] == metrics["my tests"]["results"]
    assert "he/she cloze on my tests" in (own / "README.md").read_text(encoding="utf-8")
    assert (own / "weights.safetensors").read_bytes() == weights


FILES = {
    "winobias": {
        "pro_stereotyped_type2.txt.dev": "1 The cook saw [the baker] and called [her].\n",
        "anti_stereotyped_type2.txt.dev": "1 The cook saw [the baker] and called [him].\n",
    },
    "winogender": {
        "stats.tsv": "occupation\tbergsma_pct_female\tbls_pct_female\n"
        "baker\t1\t2\ncook\t3\t40\npilot\t20\t10\nguard\t2\t50\n",
        "sentences.tsv": "sentid\tsentence\n"
        "cook.guest.0.male.txt\tThe cook told the guest that he was here.\n"
        "cook.guest.0.female.txt\tThe cook told the guest that she was here.\n"
        "cook.someone.0.male.txt\tThe cook told someone that he was here.\n"
        "cook.someone.0.female.txt\tThe cook told someone that she was here.\n",
    },
    "gap": {},
    "masked": {"a.txt": TEXT},
    "pairs": {
        "gender.jsonl": '{"sentence_good": "Anna saw herself.", "sentence_bad": "Anna saw himself.", '
        '"one_prefix_prefix": "Anna saw", "one_prefix_word_good": "herself", "one_prefix_word_bad": "himself"}\n'
    },
    "perplexity": {"a.txt": TEXT},
}


@pytest.mark.parametrize("suite", FILES)
def test_each_suite_is_printed_written_the_same_twice_and_recorded(
    suite: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, folder = tiny_bundle(tmp_path / "own"), tmp_path / suite
    folder.mkdir()
    for name, text in FILES[suite].items():
        (folder / name).write_text(text, encoding="utf-8")
    if suite == "gap":
        write(folder / "gap.tsv")
    argv = [
        str(own),
        "--suite",
        suite,
        "--data",
        str(folder),
        "--ngram-data",
        str(data),
        "--cache",
        str(tmp_path / "c"),
    ]
    written = []
    for name in ("first.json", "second.json"):
        assert main([*argv, "--json", str(tmp_path / name)]) == 0
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in written[0]
    report = json.loads(written[0])
    assert {"commit", "bundle", "data", "ngram", "options", "versions"} <= set(report)
    assert all(record["name"].startswith(f"{suite}/") and len(record["sha256"]) == 64 for record in report["data"])
    assert b"ngram" in written[0]
    capsys.readouterr()
    assert main([*argv, "--record"]) == 0
    printed = capsys.readouterr().out
    bundle = read_bundle(own)
    assert len(bundle.metadata["metrics"][suite]) == 1
    table = printed.split("\n\n")[1].splitlines()
    assert table[1].split("  ")[-1].strip() in bundle.card  # the last heading of the first table
    assert with_figures(bundle.card, bundle.metadata["metrics"]) == bundle.card


@pytest.mark.parametrize("suite", ["winobias", "winogender", "gap"])
def test_a_malformed_benchmark_is_one_line_with_file_and_line(bundle: str, tmp_path: Path, suite: str) -> None:
    path = tmp_path / "pro_stereotyped_type2.txt.dev"
    path.write_text("occupation\tbergsma_pct_female\tbls_pct_female\tID\nbaker\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"pro_stereotyped_type2\.txt\.dev, line [12]: [^\n]*expected [^\n]*$"):
        main([bundle, "--suite", suite, "--data", str(path), "--no-ngram"])


def test_tracking_asks_its_own_stories_writes_the_same_twice_and_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tiny_bundle(tmp_path / "own")
    argv = [str(own), "--suite", "tracking", "--stories", "2"]
    written = []
    for name, seed in (("first.json", "1"), ("second.json", "1"), ("third.json", "2")):
        assert main([*argv, "--seed", seed, "--json", str(tmp_path / name)]) == 0
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] != written[2]
    report = json.loads(written[0])
    assert report["data"] == []
    assert report["results"]["stories_of_each_sort"] == 2
    assert report["notes"][-1] == "the bundle does not say whether it was trained on stories"
    capsys.readouterr()
    assert main([*argv, "--record"]) == 0
    assert "Tracking by changes of the subject" in capsys.readouterr().out
    bundle = read_bundle(own)
    assert list(bundle.metadata["metrics"]["tracking"]) == ["its own stories"]
    assert "distractor of the other gender" in bundle.card
    assert with_figures(bundle.card, bundle.metadata["metrics"]) == bundle.card


def test_a_place_that_no_file_can_be_written_to_is_refused_before_anything_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.check_folder("--json", tmp_path / "x.json")
    runner.check_folder("--json", Path(os.devnull))
    with pytest.raises(EvaluationError, match=f"--json {tmp_path} is a folder; name a file in it"):
        runner.check_folder("--json", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path.resolve(), os.W_OK))
    with pytest.raises(EvaluationError, match=f"the folder {tmp_path} cannot be written to; choose another"):
        runner.check_folder("--json", tmp_path / "x.json")


def test_a_report_that_cannot_be_written_leaves_the_earlier_one_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    runner.write(path, "earlier")

    def full(part: Path, text: str, encoding: str) -> int:
        part.write_bytes(text[:2].encode(encoding))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*x\.json'"):
        runner.write(path, "later")
    assert [found.name for found in tmp_path.iterdir()] == ["x.json"]
    assert path.read_bytes() == b"earlier"


def test_a_report_to_a_device_is_written_into_it_and_never_takes_its_place(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    runner.write(pipe, "a report")
    assert os.read(reader, 100) == b"a report"
    os.close(reader)
    assert pipe.is_fifo()
