"""`anaphora compare`: several bundles, suites with their data, in; tables, a page and JSON out.

Asks each bundle once, by the served path; how the answers are laid side by side is `evaluation/comparison.py`'s.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.errors import EvaluationError, TrainingError
from training.evaluation import suites
from training.evaluation.comparison import compare
from training.evaluation.comparison_page import ComparedSuite, comparison_page
from training.evaluation.options import Options, add_options, options_of
from training.evaluation.runner import Report, check_folder, evaluate, pairs_of, versions, write
from training.evaluation.tables import Table, told_apart
from training.mentions import mention_finder
from training.pronouns import Pairs

REPORT_VERSION = 1
DEFAULT_SUITE = "cloze"
NO_QUESTIONS = (
    "this suite has no questions with two answers: the bundles' figures stand side by side, without paired tests"
)


@dataclass(frozen=True)
class CompareReport:
    """What all bundles scored on all suites."""

    bundles: Table
    suites: Sequence[ComparedSuite]
    seed: int

    def __str__(self) -> str:
        return "\n\n".join([str(self.bundles), *map(str, self.suites)]) + "\n"

    def to_json(self) -> str:
        """The same text for the same comparison: no times, no folders of this machine."""
        content = {
            "report_version": REPORT_VERSION,
            "bundles": [{"name": name, "sha256": sha256} for name, _, sha256 in self.bundles.rows],
            "suites": [one.to_json() for one in self.suites],
            "seed": self.seed,
            "versions": versions(),
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def page(self) -> str:
        """The page, HTML."""
        making = {"seed": str(self.seed)} | {f"version of {name}": value for name, value in versions().items()}
        return comparison_page(self.bundles, self.suites, making)


def compare_bundles(
    language_models: Sequence[Any], wanted: Sequence[tuple[str, Sequence[Path]]], options: Options
) -> CompareReport:
    """Asks loaded bundles (`model.language_model.LanguageModel`) the suites in `wanted`, each with its data.

    All are asked about the same pairs: those of `options`, else the first bundle's own. The n-gram is the first
    bundle's. Raises EvaluationError for a bundle that is given twice or cannot answer, and what `evaluate` raises.
    """
    named = _named(language_models)
    pairs = pairs_of(language_models[0], options)
    rows = []
    for name, language_model in named.items():
        network = language_model.bundle.metadata.get("network", {})
        shape = [str(network.get(key, "?")) for key in ("direction", "cell", "n_layers", "hidden_size")]
        rows.append((name, "{} {}, layers x units {} x {}".format(*shape), language_model.sha256))
    bundles = Table("", ("bundle", "network", "SHA-256 of its content"), tuple(rows))
    return CompareReport(bundles, [_suite(named, *one, options, pairs) for one in wanted], options.seed)


def _suite(named: dict[str, Any], suite: str, data: Sequence[Path], options: Options, pairs: Pairs) -> ComparedSuite:
    reports: dict[str, Report] = {}
    for number, (name, language_model) in enumerate(named.items()):
        asked = options if number == 0 else replace(options, ngram=False, ngram_data=())
        try:
            reports[name] = evaluate(language_model, suite, data, asked, pairs)
        except TrainingError as error:
            raise type(error)(f"{name}, suite {suite}: {error}") from error
    first_name, first = next(iter(reports.items()))
    context = {key: first.context[key] for key in ("data", "ngram", "options")}
    notes = [note.replace("the bundle's own", f"{first_name}'s own") for note in first.notes]
    notes += [f"{name}: {note}" for name, report in reports.items() for note in report.bundle_notes]
    sets = {name: getattr(report.results, "question_sets", ()) for name, report in reports.items()}
    if not all(sets.values()):
        figures = {name: report.results.to_json() for name, report in reports.items()}
        return ComparedSuite(suite, None, _side_by_side(reports), [*notes, NO_QUESTIONS], context, figures)
    count = None if first.trigram is None else first.trigram.counts_of
    found = compare(sets, mention_finder(pairs), count, options.seed)
    notes += [
        f"{name} is left out: {', '.join(without)} cannot be asked it" for name, without in found.left_out.items()
    ]
    return ComparedSuite(suite, found, found.tables(), notes, context)


def _side_by_side(reports: dict[str, Report]) -> list[Table]:
    """The tables that all bundles have alike as one, each row told by its bundle; others one after the other."""
    each = {name: report.results.tables() for name, report in reports.items()}
    shapes = {tuple(table.header for table in tables) for tables in each.values()}
    if len(shapes) > 1:
        return [replace(table, title=f"{name}: {table.title}") for name, tables in each.items() for table in tables]
    return [
        Table(
            alike[0].title,
            alike[0].header,
            tuple((f"{name}, {row[0]}", *row[1:]) for name, t in zip(each, alike, strict=True) for row in t.rows),
        )
        for alike in zip(*each.values(), strict=True)
    ]


def _named(language_models: Sequence[Any]) -> dict[str, Any]:
    """The bundles by name; those of one name by name and the beginning of their hash."""
    names = told_apart([(one.name, one.sha256) for one in language_models])
    named: dict[str, Any] = {}
    for name, one in zip(names, language_models, strict=True):
        if any(one.sha256 == other.sha256 for other in named.values()):
            raise EvaluationError(f"the bundle {one.name} ({one.sha256[:12]}) is given twice; name each once.")
        named[name] = one
    return named


def main(argv: Sequence[str]) -> int:
    """The command: prints the tables, writes `--html` and `--json`; returns 0. Raises SystemExit(2) on wrong usage,
    TrainingError else."""
    command = parser()
    arguments = command.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    wanted = arguments.suites or [(DEFAULT_SUITE, [])]
    for suite, data in wanted:
        suites.suite_named(suite)  # before anything slow
        if not data and suite not in suites.OWN_DATA:
            command.error(f"the suite {suite} needs --data PATH... after --suite {suite}")
        suites.check_data(suite, data)
    check_folder("--html", arguments.html)
    check_folder("--json", arguments.json)
    options = options_of(arguments)
    for suite, _ in wanted:
        suites.check_options(suite, options.window, options.pair_names)
    from model.language_model import load  # slow to import, and not needed to refuse

    report = compare_bundles([load(bundle) for bundle in arguments.bundles], wanted, options)
    sys.stdout.write(str(report))
    if arguments.html is not None:
        write(arguments.html, report.page())
    if arguments.json is not None:
        write(arguments.json, report.to_json())
    return 0


class _Suite(argparse.Action):
    """`--suite NAME` begins a suite, `--data PATH...` is that of the suite before it, or of the default one."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        wanted = [*(namespace.suites or ())]
        if option == "--suite":
            wanted.append((values, []))
        else:
            suite, data = wanted.pop() if wanted else (DEFAULT_SUITE, [])
            wanted.append((suite, [*data, *values]))
        namespace.suites = wanted


def parser() -> argparse.ArgumentParser:
    """The words of `anaphora compare`."""
    parser = argparse.ArgumentParser(
        prog="anaphora compare",
        description="Lay bundles side by side on the same questions: scores beside the baselines, paired tests, plots.",
        epilog="See docs/evaluation.md.",
    )
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="names of shipped bundles, or folders")
    parser.add_argument(
        "--suite",
        action=_Suite,
        dest="suites",
        choices=list(suites.SUITES),
        help=f"what to measure (default {DEFAULT_SUITE}); may be repeated, each with its own --data",
    )
    parser.add_argument(
        "--data",
        action=_Suite,
        dest="suites",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="what the suite before it reads",
    )
    parser.add_argument("--html", type=Path, metavar="OUT.html", help="write a page with plots")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write every figure")
    add_options(parser)
    return parser
