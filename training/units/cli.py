"""`anaphora units`: bundles and texts in; tables, JSON and a page out. Times go to standard error alone."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from model.bundle import Bundle, read_bundle
from model.language_model import find_bundle
from training.checkout import commit, package_version
from training.errors import EvaluationError
from training.evaluation.runner import check_folder, versions, write
from training.pronouns import Pairs
from training.sources import STANDARD_INPUT, fingerprint, spool
from training.stories import grammar_sha256
from training.units.page import units_page
from training.units.questions import Questions, mined_questions, read_texts, story_questions
from training.units.record import record_units
from training.units.report import comparison_table, names_of, report_json, tables
from training.units.study import LEAST, Options, Study, study
from training.units.subjects import subject_stories

DEFAULT_ITEMS = 400
DEFAULT_STORIES = 24
MODES = {"memory": None, "hidden_state": "hidden_state"}


def main(argv: Sequence[str]) -> int:
    """The command; returns 0. Raises SystemExit(2) on wrong usage, AnaphoraError else."""
    command = parser()
    arguments = command.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if arguments.items < 8:
        command.error(f"--items {arguments.items}: expected 8 or more, to be halved twice")
    if arguments.stories < 2 or arguments.stories % 2:
        command.error(f"--stories {arguments.stories}: expected an even number, 2 or more: each story has its twin")
    for option, least in ({"threads": 1} | LEAST).items():
        if getattr(arguments, option) < least:
            command.error(f"--{option.replace('_', '-')} {getattr(arguments, option)}: expected {least} or more")
    if arguments.seed < 0:
        command.error(f"--seed {arguments.seed}: expected 0 or more")
    torch.set_num_threads(arguments.threads)
    check_folder("--json", arguments.json)
    check_folder("--html", arguments.html)
    options = Options(
        top=arguments.top,
        controls=arguments.controls,
        random_groups=arguments.random_groups,
        exact=arguments.exact,
        activation=MODES[arguments.hold],
        seed=arguments.seed,
    )
    folders = [find_bundle(name) for name in arguments.bundles]
    bundles = [read_bundle(folder) for folder in folders]
    for number, bundle in enumerate(bundles):
        if bundle.sha256 in {other.sha256 for other in bundles[:number]}:
            raise EvaluationError(f"the bundle {bundle.name} ({bundle.sha256[:12]}) is given twice; name each once.")
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "given"
        data = [spool(kept) if path == STANDARD_INPUT else Path(path) for path in arguments.data]
        context = _context(argv, arguments, data)
        studies = [_studied(bundle, data, arguments, options) for bundle in bundles]
    for one in studies:
        print("\n\n".join(map(str, tables(one))), end="\n\n")
    if len(studies) > 1:
        print(comparison_table(studies))
    if arguments.json is not None:
        write(arguments.json, report_json(studies, context))
    if arguments.html is not None:
        write(arguments.html, units_page(studies, _making(studies, context)))
    if arguments.record:
        for where, one in zip(folders, studies, strict=True):
            record_units(where, one, context)
            print(f"recorded the ranking in {where}", file=sys.stderr)
    return 0


def _studied(bundle: Bundle, data: Sequence[Path], arguments: argparse.Namespace, options: Options) -> Study:
    started_at = time.monotonic()
    pairs = Pairs.from_json(bundle.metadata["pronouns"], f"the pairs of {bundle.name}")
    chosen = [pairs.named(name) for name in dict.fromkeys(arguments.pair)] or [pairs.pairs[0]]
    if not all(pair.gendered for pair in chosen):
        raise EvaluationError(
            f"--pair {' '.join(pair.name for pair in chosen)}: only pairs that tell a gender can be asked."
        )
    questions: list[Questions] = [story_questions(bundle, pairs, arguments.stories, options.seed)]
    if data:
        documents = read_texts(data, arguments.text_field)
        questions.insert(0, mined_questions(bundle, pairs, chosen, documents, arguments.items, options.seed))
    found = study(bundle, questions, subject_stories(pairs, arguments.stories, options.seed), options)
    print(f"{bundle.name}: {time.monotonic() - started_at:.0f} s", file=sys.stderr)
    return found


def _context(argv: Sequence[str], arguments: argparse.Namespace, data: Sequence[Path]) -> dict[str, Any]:
    """What the figures depend on beside the bundles."""
    names = ("items", "stories", "pair", "top", "controls", "random_groups", "exact", "hold", "seed")
    return {
        "command": shlex.join(["anaphora", "units", *_without_outputs(argv)]),
        "data": [asdict(record) for record in fingerprint(data)],
        "grammar_sha256": grammar_sha256("tracking"),
        "options": {name: getattr(arguments, name) for name in names},
        "commit": commit(),
        "versions": versions() | {"torch": package_version("torch")},
    }


def _without_outputs(argv: Sequence[str]) -> list[str]:
    """The words of the command, of a path its last part only, which is the same on another machine."""
    return [Path(word).name if "/" in word and not word.startswith("-") and _is_path(word) else word for word in argv]


def _is_path(word: str) -> bool:
    return Path(word).is_absolute() or Path(word).exists() or Path(word).parent.is_dir()


def _making(studies: Sequence[Study], context: dict[str, Any]) -> dict[str, Any]:
    rows: dict[str, Any] = {
        name: f"SHA-256 {one.bundle.sha256}" for name, one in zip(names_of(studies), studies, strict=True)
    }
    rows |= {record["name"]: f"{record['bytes']:,} bytes, SHA-256 {record['sha256']}" for record in context["data"]}
    rows |= {"command": context["command"], "commit": context["commit"], "stories' grammar": context["grammar_sha256"]}
    rows |= context["options"]
    rows |= {f"version of {name}": version for name, version in context["versions"].items()}
    return rows


def parser() -> argparse.ArgumentParser:
    """The words of `anaphora units`."""
    parser = argparse.ArgumentParser(
        prog="anaphora units",
        description="Which units carry gender: ablation beside random units, selectivity, gates around a new subject.",
        epilog="See docs/units.md.",
        allow_abbrev=False,
    )
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="names of shipped bundles, or folders")
    parser.add_argument(
        "--data", nargs="+", default=[], metavar="PATH", help="texts to mine items from (default: stories alone)"
    )
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write every figure")
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write a page with pictures")
    parser.add_argument(
        "--record", action="store_true", help='put the ranking into the bundle, for traces of "gender:8"'
    )
    parser.add_argument(
        "--items", type=int, default=DEFAULT_ITEMS, metavar="N", help=f"mined items at most (default {DEFAULT_ITEMS})"
    )
    parser.add_argument(
        "--stories",
        type=int,
        default=DEFAULT_STORIES,
        metavar="N",
        help=f"stories of each sort, an even number (default {DEFAULT_STORIES})",
    )
    parser.add_argument(
        "--pair", action="append", default=[], metavar="NAME", help="of mined items; repeatable (default: the first)"
    )
    parser.add_argument("--text-field", default="text", metavar="NAME", help="field of JSON lines and parquet")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of torch (default 1)")
    defaults = Options()
    parser.add_argument(
        "--top",
        type=int,
        default=defaults.top,
        metavar="N",
        help=f"units of each layer and direction to rank (default {defaults.top})",
    )
    parser.add_argument(
        "--controls",
        type=int,
        default=defaults.controls,
        metavar="N",
        help=f"random other units of each beside them (default {defaults.controls})",
    )
    parser.add_argument(
        "--random-groups",
        type=int,
        default=defaults.random_groups,
        metavar="N",
        help=f"random groups beside each group of top units (default {defaults.random_groups})",
    )
    parser.add_argument("--exact", action="store_true", help="ablate every unit exactly, not only those of an estimate")
    parser.add_argument(
        "--hold",
        choices=list(MODES),
        default="memory",
        help="what is held at its mean: the memory (an LSTM's cell state, else the hidden state), or the hidden state",
    )
    parser.add_argument("--seed", type=int, default=0, help="of samples, halves, random units, bootstrap (default 0)")
    return parser
