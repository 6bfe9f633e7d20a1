"""The command table: what is imported, how a failure is told, which status the process ends with."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np  # noqa: F401 - its BLAS is looked at
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import anaphora
from model.errors import BundleFormatError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A subcommand `probe` whose function the test sets as `probe.function`."""
    module = ModuleType("probe_module")
    monkeypatch.setitem(sys.modules, "probe_module", module)
    monkeypatch.setitem(anaphora.COMMANDS, "probe", anaphora.Command("probe_module:function", "for this test"))
    return module


def _raises(error: BaseException):
    def function(argv: list[str]) -> int:
        raise error

    return function


def test_a_subcommand_gets_the_arguments_after_it_and_its_status_is_returned(probe) -> None:
    received = []
    probe.function = lambda argv: received.append(argv) or 7
    assert anaphora.main(["probe", "--top-k", "5", "a text"]) == 7
    assert received == [["--top-k", "5", "a text"]]


def test_a_subcommand_that_returns_nothing_succeeded(probe) -> None:
    probe.function = lambda argv: None
    assert anaphora.main(["probe"]) == 0


def test_a_failure_of_our_own_is_one_line_on_standard_error(probe, capsys) -> None:
    probe.function = _raises(BundleFormatError("books/ is not a bundle:\nbundle.json is missing"))
    assert anaphora.main(["probe"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "anaphora: books/ is not a bundle: bundle.json is missing\n"
    assert captured.out == ""


def test_a_file_that_cannot_be_read_is_named_with_the_reason(probe, capsys) -> None:
    probe.function = lambda argv: Path(argv[0]).read_text()
    assert anaphora.main(["probe", "missing.txt"]) == 1
    assert capsys.readouterr().err == "anaphora: missing.txt: No such file or directory\n"


def test_an_error_nobody_foresaw_is_one_line_that_mentions_debug(probe, capsys) -> None:
    probe.function = _raises(KeyError("pieces"))
    assert anaphora.main(["probe"]) == 1
    assert capsys.readouterr().err == (
        "anaphora: unexpected KeyError: 'pieces' (the same command with --debug shows where)\n"
    )


@pytest.mark.parametrize("argv", [["--debug", "probe"], ["probe", "--debug"]])
def test_debug_anywhere_shows_the_traceback_and_is_not_passed_on(probe, capsys, argv) -> None:
    received = []
    probe.function = lambda argv: received.append(argv) or [][1]
    assert anaphora.main(argv) == 1
    assert received == [[]]
    assert "IndexError" in capsys.readouterr().err.partition("Traceback (most recent call last)")[2]


def test_debug_after_two_dashes_is_an_argument_like_any_other(probe) -> None:
    received = []
    probe.function = received.append
    anaphora.main(["probe", "--", "--debug"])
    assert received == [["--", "--debug"]]


def test_an_interrupted_command_ends_with_130_and_no_words(probe, capsys) -> None:
    probe.function = _raises(KeyboardInterrupt())
    assert anaphora.main(["probe"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (2, 2), ("nothing to do", 1)])
def test_leaving_through_system_exit_keeps_its_meaning(probe, code, status) -> None:
    probe.function = _raises(SystemExit(code))
    assert anaphora.main(["probe"]) == status


@pytest.mark.parametrize(("package", "n_threads"), [("model", 1), ("training", 2)])
def test_small_products_are_computed_on_one_thread_where_nothing_is_trained(
    monkeypatch: pytest.MonkeyPatch, package: str, n_threads: int
) -> None:
    seen: list[int] = []

    def function(argv: list[str]) -> None:
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    monkeypatch.setattr(anaphora, "_function", lambda command: function)
    monkeypatch.setitem(anaphora.COMMANDS, "probe", anaphora.Command(f"{package}.probe:main", "probes"))
    with threadpool_limits(2, user_api="blas"):
        assert anaphora.main(["probe"]) == 0
        assert set(seen) <= {n_threads}
        assert seen
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {2}


def test_no_subcommand_is_wrong_usage(capsys) -> None:
    assert anaphora.main([]) == 2
    assert "usage: anaphora" in capsys.readouterr().err


def test_a_subcommand_of_two_words_gets_what_follows_both(probe, monkeypatch) -> None:
    monkeypatch.setitem(anaphora.COMMANDS, "bench probe", anaphora.COMMANDS["probe"])
    received = []
    probe.function = received.append
    assert anaphora.main(["bench", "probe", "--repeats", "3"]) == 0
    assert received == [["--repeats", "3"]]


def test_half_of_a_subcommand_is_wrong_usage_and_the_whole_ones_are_named(capsys) -> None:
    assert anaphora.main(["bench", "--help"]) == 2
    names = " or ".join(repr(name) for name in anaphora.COMMANDS if name.startswith("bench "))
    assert f"did you mean {names}?" in capsys.readouterr().err


def test_an_unknown_subcommand_is_wrong_usage_and_the_nearest_is_named(capsys) -> None:
    assert anaphora.main(["serv"]) == 2
    assert "did you mean 'serve'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", anaphora.PLANNED)
def test_a_subcommand_that_is_not_built_yet_says_so_and_fails(name, capsys) -> None:
    assert anaphora.main([*name.split(), "x"]) == 1
    assert "is not built yet" in capsys.readouterr().err


def test_help_names_every_subcommand(capsys) -> None:
    assert anaphora.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in (*anaphora.COMMANDS, *anaphora.PLANNED))


def test_training_without_its_packages_says_how_to_install_them(monkeypatch, capsys) -> None:
    monkeypatch.setitem(anaphora.COMMANDS, "train", anaphora.Command("training.probe_module:function", "for this test"))
    module = ModuleType("training.probe_module")
    module.function = _raises(ModuleNotFoundError("No module named 'torch'", name="torch"))
    monkeypatch.setitem(sys.modules, "training.probe_module", module)
    assert anaphora.main(["train", "books"]) == 1
    message = capsys.readouterr().err
    assert "needs the package 'torch'" in message
    assert "anaphora[training]" in message
    assert "make train-env" in message


def test_a_missing_module_of_our_own_is_not_blamed_on_the_installation(probe, capsys) -> None:
    probe.function = _raises(ModuleNotFoundError("No module named 'model.clozes'", name="model.clozes"))
    assert anaphora.main(["probe"]) == 1
    assert "unexpected ModuleNotFoundError" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    many_lines = (
        "import anaphora; anaphora.usage = lambda: 'line\\n' * 100_000; raise SystemExit(anaphora.main(['--help']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", many_lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert error == ""


def test_help_imports_none_of_the_packages() -> None:
    code = (
        "import sys, anaphora; anaphora.main(['--help']);"
        "print(sorted({'model', 'training', 'service', 'numpy', 'torch', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_closed_standard_input_and_output_are_an_empty_text_and_silence(probe, capsys, monkeypatch) -> None:
    read = []

    def told(arguments: list[str]) -> None:
        read.append(sys.stdin.read())
        print("told")

    probe.function = told
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert anaphora.main(["probe"]) == 0
    sys.stdin.close()
    sys.stdout.close()
    assert (read, capsys.readouterr().err) == ([""], "")


def test_a_full_disk_behind_standard_output_is_named(probe, capsys) -> None:
    probe.function = _raises(OSError(errno.ENOSPC, "No space left on device"))
    assert anaphora.main(["probe"]) == 1
    assert capsys.readouterr().err == "anaphora: standard output, or a file of this command: No space left on device\n"
