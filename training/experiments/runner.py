"""`anaphora experiment NAME`: the tutorial's claims, measured; tables, a page and a picture.

Knows the experiments' names and the words of the command line; what is measured is in one file each.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from model.whole_number import whole_number
from training.checkout import commit, package_version
from training.evaluation.runner import check_folder, versions, write
from training.experiments.outcome import DEFAULT_SEEDS, QUICK_SEEDS, Report, Settings
from training.pictures import standalone
from training.sources import STANDARD_INPUT, fingerprint

EXPERIMENTS = {
    "memory": "one subject and up to 200 words that tell nothing: who still knows who it was",
    "switch": "a subject that changes: who keeps up, and what the gates do at the change",
    "gradients": "how much of the gradient arrives k words back",
    "parameters": "how many weights each cell has, and how fast it learns text",
    "same": "LSTM against GRU on the novels' cloze (needs --data and --valid)",
    "identity": "a GRU with r = 1 and all new (z = 0) is a plain RNN",
}
OPTIONAL = ("steps", "data", "valid", "keep")
"""Options that not every experiment takes; each module's TAKES says which."""
MAX_SEEDS = 1000


def main(argv: Sequence[str]) -> int:
    """The command; returns 0. Raises SystemExit(2) on wrong usage, TrainingError and its kin else."""
    command = parser()
    arguments = command.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch is imported, as in `anaphora train`
    import torch

    torch.set_num_threads(arguments.threads)
    experiment = importlib.import_module(f"training.experiments.{arguments.name}")
    for option in OPTIONAL:
        if getattr(arguments, option) is not None and option not in experiment.TAKES:
            takers = [name for name in EXPERIMENTS if option in _takes(name)]
            command.error(f"the experiment {arguments.name} takes no --{option}; {', '.join(takers)} do")
    for option in getattr(experiment, "NEEDS", ()):
        if getattr(arguments, option) is None:
            command.error(f"the experiment {arguments.name} needs --{option} PATH...")
    for option in ("data", "valid"):
        if STANDARD_INPUT in (getattr(arguments, option) or ()):
            command.error(f"--{option} -: an experiment reads its texts more than once; save them to a file first")
    for option in ("html", "json", "picture"):  # before anything slow
        check_folder(f"--{option}", getattr(arguments, option))
    settings = Settings(
        n_seeds=arguments.seeds or (QUICK_SEEDS if arguments.quick else DEFAULT_SEEDS),
        quick=arguments.quick,
        steps=arguments.steps,
        data=tuple(arguments.data or ()),
        valid=tuple(arguments.valid or ()),
        keep=arguments.keep,
    )
    report = run(arguments.name, settings)
    sys.stdout.write(str(report))
    if arguments.html is not None:
        write(arguments.html, report.page())
    if arguments.json is not None:
        write(arguments.json, report.to_json())
    if arguments.picture is not None:
        write(arguments.picture, standalone(report.picture()))
    return 0


def run(name: str, settings: Settings) -> Report:
    """One experiment of EXPERIMENTS, from its options to its report. Raises TrainingError and its kin."""
    experiment = importlib.import_module(f"training.experiments.{name}")
    context = {
        "data": [asdict(record) for record in fingerprint(settings.data)] if settings.data else [],
        "valid": [asdict(record) for record in fingerprint(settings.valid)] if settings.valid else [],
        "commit": commit(),
        "versions": versions() | {"torch": package_version("torch") or "not installed"},
    }
    started = time.monotonic()
    outcome = experiment.run(settings)
    elapsed_seconds = time.monotonic() - started
    return Report(name, experiment.CLAIM, experiment.METHOD, settings, context, outcome, elapsed_seconds)


def _takes(name: str) -> frozenset[str]:
    takes: frozenset[str] = importlib.import_module(f"training.experiments.{name}").TAKES
    return takes


def parser() -> argparse.ArgumentParser:
    """The words of `anaphora experiment`."""
    parser = argparse.ArgumentParser(
        prog="anaphora experiment",
        description="Measure one of the tutorial's claims: networks with as many weights, tuned learning rates, "
        "several seeds, intervals over them.",
        epilog="experiments:\n"
        + "\n".join(f"  {name:<12} {summary}" for name, summary in EXPERIMENTS.items())
        + "\n\nSee docs/understanding.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", choices=list(EXPERIMENTS), help="one of those below")
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write a page with the picture and the tables")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write every figure and what it depends on")
    parser.add_argument("--picture", type=_svg, metavar="OUT.svg", help="write the picture alone")
    parser.add_argument(
        "--seeds",
        type=whole_number(1, MAX_SEEDS),
        metavar="N",
        help=f"trainings of each network (default: {DEFAULT_SEEDS}; {QUICK_SEEDS} with --quick)",
    )
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, to see whether it runs")
    parser.add_argument(
        "--steps", type=whole_number(1, 10**7), metavar="N", help="steps of each training (not identity)"
    )
    parser.add_argument("--data", nargs="+", metavar="PATH", help="training texts (parameters, same)")
    parser.add_argument("--valid", nargs="+", metavar="PATH", help="validation texts (same)")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="same: where results so far are kept; an interrupted run goes on from there (default: same.run)",
    )
    parser.add_argument(
        "--threads", type=whole_number(1, 1024), default=1, metavar="N", help="threads of torch (default: 1)"
    )
    return parser


def _svg(value: str) -> Path:
    path = Path(value)
    if path.suffix.lower() not in (".svg", ""):
        raise argparse.ArgumentTypeError(f"{value!r} should end in .svg; a browser or Inkscape makes other kinds of it")
    return path
