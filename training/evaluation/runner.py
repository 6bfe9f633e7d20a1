"""`anaphora evaluate`: a bundle, a suite and data in; a table and a JSON report out.

The report holds what the figures depend on (hashes of bundle and data, options, seed, versions) and no times, so
running twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.text import NORMALISER_VERSION
from training.checkout import commit
from training.errors import EvaluationError
from training.evaluation import baselines, suites
from training.evaluation.ngram import Trigram
from training.evaluation.options import DEFAULTS, Options, add_options, options_of
from training.evaluation.results import JsonResults
from training.evaluation.suites import Evaluation, Results
from training.pronouns import Pairs, load_pairs
from training.sources import STANDARD_INPUT, fingerprint, spool

REPORT_VERSION = 1
PACKAGES = ("anaphora", "numpy", "onnxruntime", "sentencepiece")


@dataclass(frozen=True)
class Report:
    """The results of one suite and what they depend on."""

    suite: str
    results: Results
    context: Mapping[str, Any]
    """Everything else that goes into the JSON."""
    notes: tuple[str, ...]
    """Sentences under the tables, of the data and the n-gram."""
    bundle_notes: tuple[str, ...] = ()
    """Further ones, of the bundle."""
    trigram: Trigram | None = None
    """The n-gram that was asked, for whoever wants its counts. Not in the JSON."""

    def to_json(self) -> str:
        """The same text for the same evaluation: no times, no folders of this machine."""
        content = {
            "report_version": REPORT_VERSION,
            "suite": self.suite,
            **self.context,
            "results": self.results.to_json(),
        }
        content["notes"] = [*self.notes, *self.bundle_notes]
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def __str__(self) -> str:
        bundle = self.context["bundle"]
        blocks = [f"{bundle['name']} ({bundle['sha256'][:12]}), suite {self.suite}", *map(str, self.results.tables())]
        return (
            "\n\n".join([*blocks, "\n".join(f"- {note}" for note in (*self.notes, *self.bundle_notes))]).rstrip() + "\n"
        )


def evaluate(
    language_model: Any, suite: str, data: Sequence[Path], options: Options = DEFAULTS, pairs: Pairs | None = None
) -> Report:
    """Runs one suite on a loaded bundle (`model.language_model.LanguageModel`, the served path).

    `pairs`: those to ask about; None: those of `options.pairs_file`, else the bundle's own.
    Raises EvaluationError for a suite that does not exist or cannot be answered by the bundle, CorpusError for data
    that cannot be read, PairsError for pairs that do not exist.
    """
    run = suites.suite_named(suite)
    suites.check_data(suite, data)
    suites.check_options(suite, options.window, options.pair_names)
    metadata = language_model.bundle.metadata
    pairs = pairs or pairs_of(language_model, options)
    chosen = tuple(pairs.named(name) for name in dict.fromkeys(options.pair_names)) or pairs.pairs
    data = suites.data_files(suite, data)
    records = fingerprint(data)
    fitted, notes = _ngram(suite, metadata["provenance"], data, options)
    if fitted is not None and (shared := {r.sha256 for r in records} & {r.sha256 for r in fitted.sources}):
        notes.append(
            f"{len(shared)} of the data's files are also among the n-gram's texts: its figures there are too good"
        )
    bundle_notes = []
    if metadata.get("network", {}).get("direction") == "causal" and not language_model.bundle.has_language_model:
        bundle_notes.append(
            "with both sides a causal network compares how likely the text after the blank is, which this one never "
            "learnt to say: read the left context only"
        )
    evaluation = Evaluation(
        language_model=language_model,
        data=data,
        pairs=pairs,
        chosen=chosen,
        window=options.window,
        trigram=fitted.trigram if fitted else None,
        has_language_model=language_model.bundle.has_language_model,
        text_field=options.text_field,
        limit=options.limit,
        seed=options.seed,
        n_stories=options.n_stories,
    )
    context = {
        "bundle": {"name": language_model.name, "sha256": language_model.sha256},
        "data": [asdict(record) for record in records],
        "ngram": {"description": fitted.description, "sources": [asdict(record) for record in fitted.sources]}
        if fitted
        else None,
        "options": {
            "window": asdict(options.window),
            "pairs": [pair.name for pair in chosen],
            "limit": options.limit,
            "seed": options.seed,
        }
        | ({"stories": options.n_stories} if suite in suites.OWN_DATA else {}),
        "commit": commit(),
        "versions": versions(),
    }
    results = run(evaluation)
    if isinstance(results, JsonResults):
        bundle_notes += results.notes
    return Report(suite, results, context, tuple(notes), tuple(bundle_notes), evaluation.trigram)


def pairs_of(language_model: Any, options: Options) -> Pairs:
    """The pairs that the options name, else the bundle's own. Raises PairsError for a file that cannot be used."""
    if options.pairs_file:
        return load_pairs(options.pairs_file)
    return Pairs.from_json(language_model.bundle.metadata["pronouns"], "the bundle's pairs")


def main(argv: Sequence[str]) -> int:
    """The command: prints the tables, writes `--json`; returns 0. Raises SystemExit(2) on wrong usage, TrainingError
    else."""
    command = parser()
    arguments = command.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    suites.suite_named(arguments.suite)  # before anything slow
    if not arguments.data and arguments.suite not in suites.OWN_DATA:
        command.error(f"the suite {arguments.suite} needs --data PATH...")
    suites.check_data(arguments.suite, arguments.data)
    check_folder("--json", arguments.json)
    options = options_of(arguments)
    suites.check_options(arguments.suite, options.window, options.pair_names)
    from model.language_model import find_bundle, load  # slow to import, and not needed to refuse

    language_model = load(arguments.bundle)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "given"  # its name stands in the report: the temporary one would change every time
        data = [spool(kept) if path == STANDARD_INPUT else Path(path) for path in arguments.data]
        report = evaluate(language_model, arguments.suite, data, options)
    sys.stdout.write(str(report))
    if arguments.record is not None:
        from training.record import record_metrics  # reads the card's template, needed here alone

        name = arguments.record or suites.OWN_DATA.get(arguments.suite)
        record_metrics(find_bundle(arguments.bundle), arguments.suite, json.loads(report.to_json()), name)
    if arguments.json is not None:
        write(arguments.json, report.to_json())
    return 0


def check_folder(option: str, path: Path | None) -> None:
    """Raises EvaluationError when `path` is given and no file can be written there: before anything slow."""
    if path is None or _is_device(path):
        return
    if not path.resolve().parent.is_dir():
        raise EvaluationError(f"{option} {path}: there is no folder {path.parent}; create it first.")
    if path.is_dir():
        raise EvaluationError(f"{option} {path} is a folder; name a file in it, e.g. {path / 'report'}.")
    if not os.access(path.resolve().parent, os.W_OK):
        raise EvaluationError(f"{option} {path}: the folder {path.parent} cannot be written to; choose another.")


def _is_device(path: Path) -> bool:
    """Whether it is a terminal, a pipe, /dev/null: something to write to, and not to put a file in the place of."""
    return path.exists() and not path.is_file() and not path.is_dir()


def write(path: Path, text: str) -> None:
    """Writes the file beside and renames it, so that it is whole or not there, whoever else writes it too.

    Raises OSError when it cannot be written; then nothing of it is left.
    """
    if _is_device(path):
        path.write_text(text, encoding="utf-8")
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk is told without the file's name
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def parser() -> argparse.ArgumentParser:
    """The words of `anaphora evaluate`."""
    parser = argparse.ArgumentParser(
        prog="anaphora evaluate",
        description="Score a bundle on a suite, each figure beside its baselines.",
        epilog="See docs/evaluation.md.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="the name of a shipped bundle, or a folder")
    parser.add_argument("--suite", required=True, choices=list(suites.SUITES), help="what to measure")
    parser.add_argument(
        "--data",
        default=[],
        nargs="+",
        metavar="PATH",
        help="texts (cloze, perplexity, masked), BLiMP's .jsonl (pairs), or the files or folder of winobias, "
        "winogender or gap; - is standard input; none for tracking",
    )
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write the report there too")
    parser.add_argument(
        "--record",
        nargs="?",
        const="",
        metavar="NAME",
        help="put the figures into the bundle and its card, the data called NAME there (default: as its folder)",
    )
    add_options(parser)
    return parser


def _ngram(
    suite: str, provenance: Mapping[str, Any], data: Sequence[Path], options: Options
) -> tuple[baselines.FittedTrigram | None, list[str]]:
    """The fitted n-gram, where the suite has a column for it and there is a text for it; and what to say."""
    if suite not in suites.NGRAM_SUITES or not options.ngram:
        return None, []
    found = (
        (list(options.ngram_data), "the texts given")
        if options.ngram_data
        else baselines.training_texts_of(provenance, data)
    )
    if found is None:
        return None, ["no n-gram column: no training text was found around the data; name one with --ngram-data"]
    fitted = baselines.fitted_trigram(found[0], found[1], options.text_field, options.cache)
    return fitted, [f"n-gram: {fitted.description}"]


def versions() -> dict[str, str]:
    """Of everything that a figure depends on, by package."""
    found = {"python": platform.python_version(), "normaliser": str(NORMALISER_VERSION)}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
