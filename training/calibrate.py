"""`anaphora calibrate`: fit a bundle's temperatures to the questions of other texts than those it was trained with.

The weights and the tokenizer stay as they are, byte for byte; the content hash changes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.bundle import read_bundle, write_bundle
from model.language_model import find_bundle, load
from model.whole_number import whole_number
from training.calibration import protocol_temperatures
from training.card import card
from training.corpus import read_documents
from training.errors import EvaluationError
from training.evaluation.metrics import MIN_ITEMS
from training.evaluation.tables import Table
from training.pronouns import Pairs


def main(argv: Sequence[str]) -> int:
    """The command: fits, writes the bundle anew, prints the temperatures; returns 0."""
    arguments = _parser().parse_args(argv)
    folder = find_bundle(arguments.bundle)
    before = {(e["pair"], e["context"]): e["temperature"] for e in read_bundle(folder).metadata["calibration"]}
    entries = calibrate(folder, arguments.data, arguments.text_field, arguments.seed)
    rows = tuple(
        (
            e["pair"],
            e["context"],
            f"{before.get((e['pair'], e['context']), 1.0):.3f}",
            f"{e['temperature']:.3f}",
            f"{e['items']:,}",
        )
        for e in entries
    )
    title = f"Temperatures of {arguments.bundle}"
    sys.stdout.write(f"{Table(title, ('pair', 'context', 'before', 'now', 'items'), rows)}\n")
    return 0


def calibrate(folder: Path, data: Sequence[str], text_field: str = "text", seed: int = 1) -> list[dict[str, Any]]:
    """Fits the temperatures of every pair of which `data` has 50 questions; the others keep theirs.

    Raises CorpusError for data that cannot be read, EvaluationError when no pair has enough questions, BundleError when
    the folder holds no sound bundle, OSError when it cannot be written: then it is unchanged.
    """
    bundle = read_bundle(folder)
    pairs = Pairs.from_json(bundle.metadata["pronouns"], "the bundle's pairs")
    entries = protocol_temperatures(load(folder), read_documents(data, text_field), pairs, seed)
    if not entries:
        raise EvaluationError(
            f"no pair of {', '.join(pair.name for pair in pairs.pairs)} has {MIN_ITEMS} questions in these texts: too "
            "few for a temperature. Give more text; the bundle is unchanged."
        )
    fitted = {(entry["pair"], entry["context"]) for entry in entries}
    kept = [e for e in bundle.metadata["calibration"] if (e["pair"], e["context"]) not in fitted]
    earlier = [*bundle.metadata.get("earlier_sha256", []), bundle.sha256]
    metadata = dict(bundle.metadata) | {"calibration": entries + kept, "earlier_sha256": earlier}
    write_bundle(folder, metadata, bundle.weights, bundle.tokenizer, card(metadata))
    return entries


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anaphora calibrate",
        description="Fit the temperatures of a bundle to the questions of some texts, and store them in it.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="the name of a shipped bundle, or a folder")
    parser.add_argument("--data", required=True, nargs="+", metavar="PATH", help="texts, as training reads them")
    parser.add_argument("--text-field", default="text", metavar="NAME", help="field of JSON lines and parquet")
    parser.add_argument(
        "--seed", type=whole_number(0), default=1, help="of the questions drawn where there are many (default 1)"
    )
    return parser
