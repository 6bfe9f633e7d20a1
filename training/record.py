"""Figures of an evaluation go into the bundle they are of: bundle.json's `metrics` and the card.

The weights and the tokenizer stay as they are, byte for byte; the content hash changes, because the figures are part of
the content. Knows the report of `anaphora evaluate`; measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from model.bundle import read_bundle, write_bundle
from training.card import with_figures
from training.errors import EvaluationError

PER_ITEM = ("documents", "probability")
"""Parts of a report that are not carried in a bundle."""
MAX_LISTED_TEXTS = 1_000
"""Of more texts only the number is kept."""


def record_metrics(bundle_folder: Path, suite: str, results: Mapping[str, Any], data_name: str | None = None) -> None:
    """Writes `metrics[suite][data_name]` and the card anew; figures of the same suite and data are replaced.

    `results`: the JSON report of `anaphora evaluate`, as read. `data_name`: what the card calls the data, by default
    the folder or file that the report names. Raises EvaluationError when the report is of another bundle or suite,
    BundleError when the folder holds no sound bundle, OSError when it cannot be written: then it is unchanged.
    """
    bundle = read_bundle(bundle_folder)
    earlier = [*bundle.metadata.get("earlier_sha256", []), bundle.sha256]
    measured = results.get("bundle") or {}
    if measured.get("sha256") not in earlier:
        raise EvaluationError(
            f"the report is of the bundle {measured.get('name')} with the hash {str(measured.get('sha256'))[:12]}; "
            f"{bundle_folder} is {bundle.name} with {bundle.sha256[:12]}. Evaluate this one, then record that."
        )
    if results.get("suite") != suite or not isinstance(results.get("results"), Mapping):
        raise EvaluationError(
            f"the report is of the suite {results.get('suite')!r}, and {suite!r} was to be recorded; "
            "expected the JSON report that `anaphora evaluate --json` writes."
        )
    reports = dict(bundle.metadata["metrics"].get(suite, {}))
    reports[data_name or name_of(results.get("data") or [])] = _kept(results)
    metrics = dict(bundle.metadata["metrics"]) | {suite: reports}
    metadata = dict(bundle.metadata) | {"metrics": metrics, "earlier_sha256": earlier}
    write_bundle(bundle_folder, metadata, bundle.weights, bundle.tokenizer, with_figures(bundle.card, metrics))


def name_of(data: list[Mapping[str, Any]]) -> str:
    """What texts are called together: a file's own name, the folder they share, or the folders they lie in."""
    names = [PurePosixPath(str(record.get("name"))) for record in data]
    if len(names) == 1:
        return "standard input" if names[0].stem == "standard-input" else str(names[0])
    return " and ".join(dict.fromkeys(name.parts[0] for name in names)) or "unnamed texts"


def _kept(report: Mapping[str, Any]) -> dict[str, Any]:
    """What of a report is worth carrying in every copy of the bundle."""
    data = report.get("data") or []
    results = _without_lists(report["results"])
    return {
        "results": results,
        "data": list(data) if len(data) <= MAX_LISTED_TEXTS else [],
        "n_data": len(data),
        "ngram": (report.get("ngram") or {}).get("description"),
        "options": report.get("options"),
        "commit": report.get("commit"),
        "versions": report.get("versions"),
        "notes": list(report.get("notes") or ()),
    }


def _without_lists(results: Mapping[str, Any]) -> dict[str, Any]:
    """The results without what grows with the data: figures of each document, probabilities of each occupation."""
    return {
        name: _without_lists(value) if isinstance(value, Mapping) else value
        for name, value in results.items()
        if name not in PER_ITEM
    }
