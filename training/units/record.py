"""The ranking goes into the bundle that it is of: `gender_units` in bundle.json, which traces read for "gender:8".

The weights and the tokenizer stay as they are, byte for byte; the content hash changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.bundle import read_bundle, write_bundle
from training.errors import EvaluationError
from training.evaluation.answers import rounded
from training.units.study import Study


def record_units(folder: Path, study: Study, context: Mapping[str, Any]) -> None:
    """Writes the ranking of `study` into its bundle; an earlier one is replaced.

    Raises EvaluationError when the folder holds another bundle by now, BundleError when it holds no sound one, OSError
    when it cannot be written: then it is unchanged.
    """
    bundle = read_bundle(folder)
    if bundle.sha256 != study.bundle.sha256:
        raise EvaluationError(
            f"{folder} was changed since its units were studied: it is {bundle.sha256[:12]}, and the study is of "
            f"{study.bundle.sha256[:12]}. Study it again."
        )
    ranking = {
        stack: [
            {
                "unit": unit.number,
                "log_odds_lost": rounded(study.effect(unit)),
                "auc": rounded(study.selectivity[unit].auc),
                "higher_for": study.selectivity[unit].higher_for,
            }
            for unit in units
        ]
        for stack, units in study.ranking.items()
    }
    measured = {key: context[key] for key in ("command", "commit", "data", "options", "versions")}
    earlier = [*bundle.metadata.get("earlier_sha256", []), bundle.sha256]
    entry = {"held": study.activation, "ranking": ranking, "measured": measured}
    metadata = dict(bundle.metadata) | {"gender_units": entry, "earlier_sha256": earlier}
    write_bundle(folder, metadata, bundle.weights, bundle.tokenizer, bundle.card)
