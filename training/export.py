"""The end of a run: the trained network as a bundle, measured and calibrated on the weights as stored; then the report.

Knows what goes into bundle.json; how a bundle is written is model/bundle.py's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import as_stored, write_bundle
from model.cells import Array
from model.language_model import load
from training.calibration import protocol_temperatures, temperatures, validation_figures
from training.card import card
from training.corpus import read_documents
from training.destination import bundle_name, check_replaceable
from training.errors import TrainingError
from training.held_out import held_out
from training.loop import Trainer
from training.options import RunOptions
from training.preparation import Corpus
from training.progress import say
from training.pronouns import Pairs
from training.provenance import provenance
from training.report import write_report


def export(trainer: Trainer, corpus: Corpus, options: RunOptions, licence: str | None = None) -> None:
    """Writes the bundle `options.out` and, in the run's folder, report.html and report.json.

    The trainer's network is left with the weights as stored (float16). `licence`: of the bundle, an SPDX identifier.
    Raises TrainingConfigError when `out` is something else than a bundle, TrainingError when it cannot be written: what
    stood there is then untouched, and the finished run can be exported again with --resume.
    """
    check_replaceable(options.out)
    weights = as_stored(trainer.network.weights())
    if large := [name for name, value in weights.items() if not np.isfinite(value).all()]:
        raise TrainingError(
            f"the weights of {', '.join(large[:3])} are beyond what a bundle stores (float16, up to 65,504): the "
            "training ran away. Train again with a smaller --learning-rate or more --weight-decay."
        )
    config, pairs = trainer.config, trainer.pairs
    trainer.network.load_weights(weights)
    measured = trainer.validation.measure(trainer.objective, language_model=config.language_model_weight > 0)
    metadata: dict[str, Any] = {
        "name": bundle_name(options.out),
        "license": licence,
        "network": trainer.network.config.to_json(),
        "tokenizer": corpus.tokenizer.kind,
        "objective": {
            "language_model_weight": config.language_model_weight,
            "contrast_weight": config.contrast_weight,
            "language_model_share": config.language_model_share,
        },
        "pronouns": pairs.to_json(),
        "calibration": [],
        "provenance": provenance(trainer, corpus, options),
        "metrics": {},
    }
    try:
        if options.valid:
            calibration = _as_served(metadata, weights, corpus, options, pairs, config.seed)
        else:
            calibration = temperatures(pairs, corpus.tokenizer, measured)
        metadata["calibration"] = calibration
        metadata["metrics"] = {"validation": validation_figures(pairs, measured, calibration)}
        looked_at = held_out(pairs, corpus.tokenizer, trainer.validation.sample, measured.margins, calibration)
        write_bundle(options.out, metadata, weights, corpus.tokenizer, card(metadata))
        write_report(options.run_folder, metadata, trainer.history, looked_at)
    except OSError as error:
        raise TrainingError(
            f"{error.filename or options.out} cannot be written ({error.strerror or error}). The checkpoint is whole: "
            "make room or permit writing, then give the same command with --resume."
        ) from error


def _as_served(
    metadata: dict[str, Any],
    weights: dict[str, Array],
    corpus: Corpus,
    options: RunOptions,
    pairs: Pairs,
    seed: int,
) -> list[dict[str, Any]]:
    """The temperatures that fit the validation texts, asked of the bundle without any. Raises OSError."""
    say("calibrating on the validation texts")
    with tempfile.TemporaryDirectory(dir=options.run_folder) as folder:
        bundle = Path(folder) / metadata["name"]
        write_bundle(bundle, metadata, weights, corpus.tokenizer, "Not calibrated yet.\n")
        documents = read_documents(options.valid, options.text_field)
        return protocol_temperatures(load(bundle), documents, pairs, seed)
