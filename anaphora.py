"""The command `anaphora`: a table from subcommand to the function that does it.

Knows the subcommands' names and how a failure is told; knows nothing of networks. Only the package of the subcommand
that was asked for is imported, so `anaphora serve` never loads torch.

Exit status: 0 success; 2 wrong usage; 1 any other failure, with one line on standard error and a traceback only with
`--debug`; 130 interrupted; 141 the reader of the output has left.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

OK, FAILURE, WRONG_USAGE, INTERRUPTED, READER_LEFT = 0, 1, 2, 130, 141


class Command(NamedTuple):
    """A subcommand: where its function is, and what it does in a few words."""

    function: str
    """`package.module:function`; takes the arguments after the subcommand, returns the exit status or None for 0."""
    summary: str


COMMANDS = {
    "serve": Command("service.cli:main", "answer cloze questions over HTTP"),
    "fill": Command("model.cli:fill", "answer one cloze question here, with a picture of the gates if wanted"),
    "belief": Command("model.belief_cli:main", "who a text is thought to speak of, token by token"),
    "models": Command("model.cli:models", "list, show or verify model bundles"),
    "train": Command("training.cli:train", "train a network on your text and write a bundle"),
    "evaluate": Command("training.cli:evaluate", "score a bundle beside its baselines"),
    "compare": Command("training.compare:main", "lay bundles side by side on the same questions"),
    "calibrate": Command("training.calibrate:main", "fit a bundle's temperatures to other texts"),
    "units": Command("training.units.cli:main", "which units carry gender, and what their gates do"),
    "experiment": Command("training.experiments.runner:main", "measure one of the tutorial's claims"),
    "bench fill": Command("model.bench:fill", "a cloze in process beside the bare calls it stands on"),
    "bench trace": Command("model.bench:trace", "a traced cloze beside an untraced one"),
    "bench evidence": Command("training.bench_evidence:main", "evidence beside words left out and beside gradients"),
    "bench prepare": Command("training.bench_prepare:main", "text into token shards: speed and memory"),
    "bench train": Command("training.bench:main", "tokens a second beside the plain torch loop"),
}

PLANNED = {
    "bench serve": "requests a second and milliseconds over HTTP",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; returns the exit status. `argv`: the words after `anaphora`, by default the process's own."""
    debug, arguments = _take_debug(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    try:
        status = _run(arguments)
        sys.stdout.flush()  # here, where a reader that has left can still be noticed
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Standard output must lead somewhere, or Python complains again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    except Exception as error:
        if debug:
            traceback.print_exception(error)
        print(f"anaphora: {_explanation(error, arguments)}", file=sys.stderr)
        return FAILURE


def version() -> str:
    """The installed version, as in pyproject.toml."""
    try:
        return importlib.metadata.version("anaphora")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def usage() -> str:
    """What `anaphora --help` prints."""
    return "\n".join(
        [
            "usage: anaphora SUBCOMMAND ...",
            "",
            "Small recurrent language models that track pronouns: train, ask, serve, look inside.",
            "",
            *(f"  {name:<12} {command.summary}" for name, command in COMMANDS.items()),
            "",
            "not built yet:",
            *(f"  {name:<12} {summary}" for name, summary in PLANNED.items()),
            "",
            "  anaphora SUBCOMMAND --help    the subcommand's own arguments",
            "  anaphora --version            the installed version",
            "  --debug                       with any subcommand: show the traceback of a failure",
            "",
            "Exit status: 0 success, 2 wrong usage, 1 any other failure.",
        ]
    )


def _open_closed_streams() -> None:
    """Whoever closed standard input or output (`>&-`) has nothing to say or wants to hear nothing."""
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open as long as the process
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _take_debug(argv: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether `--debug` stands anywhere before a `--`, and the arguments without it."""
    end = argv.index("--") if "--" in argv else len(argv)
    before = [word for word in argv[:end] if word != "--debug"]
    return len(before) < end, [*before, *argv[end:]]


def _run(arguments: list[str]) -> int:
    if not arguments:
        print(usage(), file=sys.stderr)
        return WRONG_USAGE
    if arguments[0] in ("-h", "--help"):
        print(usage())
        return OK
    if arguments[0] == "--version":
        print(f"anaphora {version()}")
        return OK
    name, rest = _subcommand(arguments)
    if name in PLANNED:
        built = ", ".join(COMMANDS)
        print(f"anaphora: {name!r} ({PLANNED[name]}) is not built yet; there are {built}", file=sys.stderr)
        return FAILURE
    if name not in COMMANDS:
        print(f"anaphora: there is no subcommand {name!r}; {_hint(name)} (anaphora --help)", file=sys.stderr)
        return WRONG_USAGE
    try:
        return _called(COMMANDS[name], rest) or OK
    except SystemExit as stop:  # argparse: 0 after --help, 2 after wrong usage
        if isinstance(stop.code, str):
            print(f"anaphora: {stop.code}", file=sys.stderr)
            return FAILURE
        return stop.code or OK


def _subcommand(arguments: list[str]) -> tuple[str, list[str]]:
    """The subcommand's name, of two words where there is one of two, and what follows it."""
    n_words = 2 if " ".join(arguments[:2]) in (COMMANDS | PLANNED) else 1
    return " ".join(arguments[:n_words]), arguments[n_words:]


def _hint(name: str) -> str:
    longer = [known for known in COMMANDS if known.startswith(f"{name} ")]
    near = longer or difflib.get_close_matches(name, COMMANDS, n=1)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(COMMANDS)}"


def _called(command: Command, arguments: list[str]) -> int | None:
    function = _function(command)
    if not command.function.startswith("model."):  # the service has the same limit; torch's threads are training's own
        return function(arguments)
    from threadpoolctl import threadpool_limits  # here, so that --help needs no package

    with threadpool_limits(1, user_api="blas"):  # the products have a row or few: threads would spin, not help
        return function(arguments)


def _function(command: Command) -> Callable[[list[str]], int | None]:
    module, _, function = command.function.partition(":")
    found: Callable[[list[str]], int | None] = getattr(importlib.import_module(module), function)
    return found


def _explanation(error: Exception, arguments: list[str]) -> str:
    """One line for a person: what failed and, where it is known, what to do."""
    # Not imported here: if the subcommand has not loaded model.errors, none of its errors can have been raised.
    ours = getattr(sys.modules.get("model.errors"), "AnaphoraError", ())
    if isinstance(error, ModuleNotFoundError) and _is_foreign(missing := (error.name or "").partition(".")[0]):
        return _missing_package(missing, _subcommand(arguments)[0])
    if isinstance(error, ours):
        text = str(error)
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        if error.errno == errno.ENOSPC and not error.filename:  # a write names nothing
            text = f"standard output, or a file of this command: {error.strerror}"
    else:
        text = f"unexpected {type(error).__name__}: {error} (the same command with --debug shows where)"
    return " ".join(text.split())


def _is_foreign(package: str) -> bool:
    return package not in {"", *(command.function.partition(".")[0] for command in COMMANDS.values())}


def _missing_package(package: str, subcommand: str) -> str:
    if COMMANDS[subcommand].function.startswith("training."):
        remedy = "Training's packages are an extra: pip install 'anaphora[training]', or in a checkout: make train-env"
    else:
        remedy = "The installation is incomplete: pip install --force-reinstall anaphora, or in a checkout: make env"
    return f"anaphora {subcommand} needs the package {package!r}, which is not installed here. {remedy}"


if __name__ == "__main__":
    sys.exit(main())
