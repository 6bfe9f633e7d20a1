"""Trainings of `anaphora experiment same`, each by the real trainer, with results kept in a folder as they come.

KEEP/settings.json says what the results belong to, KEEP/NAME.json is the result of one training, KEEP/NAME.run/
holds the checkpoint of the one under way, KEEP/prepared.run/ the tokenizer and the shards. Knows no claim.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from model.bundle import as_stored, write_bundle
from model.language_model import load
from training.checkpoint import has_checkpoint
from training.config import TrainingConfig
from training.errors import ExperimentError
from training.evaluation.metrics import log_loss, softmax_pair
from training.evaluation.options import Options
from training.evaluation.runner import evaluate, write
from training.experiments.outcome import finite
from training.loop import CHECKPOINT, Trainer
from training.options import RunOptions
from training.preparation import Corpus, prepare
from training.progress import say
from training.pronouns import load_pairs
from training.run import stopped_by_signals
from training.sources import fingerprint

CONTEXTS = ("left", "both")
SETTINGS = "settings.json"


class KeptRuns:
    """The trainings of one experiment, and a folder where their results are kept."""

    def __init__(self, folder: Path, config: TrainingConfig, data: Sequence[str], valid: Sequence[str], limit: int):
        """`config`: what all trainings share; `limit`: most questions. Prepares the texts, or finds them prepared.

        Raises ExperimentError for a folder of other results, and what preparing raises.
        """
        self.folder, self.config, self.valid, self.limit = folder, config, [Path(path) for path in valid], limit
        self.pairs = load_pairs()
        self._check(
            {
                "settings": asdict(config),
                "questions": limit,
                "data": [record.sha256 for record in fingerprint(data)],
                "valid": [record.sha256 for record in fingerprint(valid)],
            }
        )
        options = RunOptions(corpus=data, valid=valid, out=folder / "prepared", n_workers=1)
        options.run_folder.mkdir(exist_ok=True)
        self.corpus: Corpus = prepare(config, self.pairs, options)

    def _check(self, identity: Mapping[str, Any]) -> None:
        now = json.loads(json.dumps(identity))
        path = self.folder / SETTINGS
        if not path.exists() and self.folder.is_dir() and any(self.folder.iterdir()):
            raise ExperimentError(
                f"{self.folder} holds something else than an experiment's results; give another --keep."
            )
        if path.exists():
            try:
                then = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ExperimentError(f"{path} cannot be read ({error}); delete the folder and begin again.") from error
            if changed := [name for name in now if now[name] != then.get(name)]:
                raise ExperimentError(
                    f"{self.folder} holds results with other {' and other '.join(changed)}: they cannot be compared "
                    "with new ones. Give the same options as then, or another --keep, or delete the folder."
                )
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write(path, json.dumps(now, indent=1) + "\n")

    def tuning_loss(self, **settings: Any) -> float:
        """Mean nats of the choice between he and she at the end of the training texts, here held out."""
        return float(self._result("tuning", settings, held_out=False)["nats"])

    def scores(self, **settings: Any) -> dict[str, dict[str, float]]:
        """Context -> the figures of the he/she cloze on the validation texts, as `anaphora evaluate` gives them."""
        found: dict[str, dict[str, float]] = self._result("seed", settings, held_out=True)
        return found

    def _result(self, kind: str, settings: Mapping[str, Any], held_out: bool) -> dict[str, Any]:
        """The kept result, or that of a training that is made now, from its checkpoint where there is one."""
        config = replace(self.config, **settings)
        name = f"{kind}-{config.cell}-{config.hidden}-rate{config.learning_rate:g}-seed{config.seed}"
        path = self.folder / f"{name}.json"
        if path.exists():
            kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return kept
        run_folder = self.folder / f"{name}.run"
        corpus = self.corpus
        trainer = Trainer(
            config, corpus.tokenizer, corpus.tokens, corpus.held_out if held_out else None, self.pairs, run_folder
        )
        run_folder.mkdir(exist_ok=True)
        if has_checkpoint(run_folder / CHECKPOINT):
            trainer.resume()
            say(f"{name}: going on at step {trainer.n_steps}")
        with stopped_by_signals(trainer):
            finished = trainer.run(lambda trainer: None)
        if not finished:
            say(f"{name}: stopped at step {trainer.n_steps} and saved; the same command goes on from there")
            raise KeyboardInterrupt
        result = finite(self._cloze(trainer) if held_out else {"nats": _contrast_nats(trainer)})
        write(path, json.dumps(result, indent=1) + "\n")
        shutil.rmtree(run_folder)
        say(f"{name}: {json.dumps(result)}")
        return result  # type: ignore[no-any-return]

    def _cloze(self, trainer: Trainer) -> dict[str, dict[str, float]]:
        """Asked of a bundle with the weights as stored, the way that a user would be answered."""
        pair = self.pairs.default.name
        metadata = {
            "name": "same",
            "network": trainer.network.config.to_json(),
            "tokenizer": self.corpus.tokenizer.kind,
            "objective": {
                "language_model_weight": trainer.config.language_model_weight,
                "contrast_weight": trainer.config.contrast_weight,
            },
            "pronouns": self.pairs.to_json(),
            "calibration": [],
            "provenance": {},
            "metrics": {},
        }
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            bundle = Path(folder) / "same"
            write_bundle(
                bundle, metadata, as_stored(trainer.network.weights()), self.corpus.tokenizer, "An experiment.\n"
            )
            options = Options(ngram=False, limit=self.limit, pair_names=(pair,))
            report = evaluate(load(bundle), "cloze", self.valid, options)
        columns = report.results.to_json()["pairs"][pair]["all"]
        found = {context: columns[f"model_{context}"] for context in CONTEXTS}
        if found["left"]["balanced_accuracy"] is None:
            raise ExperimentError(f"the validation texts do not hold both forms of {pair}; give more with --valid.")
        shown = ("n_items", "accuracy", "balanced_accuracy", "log_loss_nats")
        return {context: {name: figures[name] for name in shown} for context, figures in found.items()}


def _contrast_nats(trainer: Trainer) -> float:
    """Of the default pair, both sides where the network reads both, on what the trainer holds out."""
    measured = trainer.validation.measure(trainer.objective, language_model=trainer.config.language_model_weight > 0)
    margins = measured.margins["both" if "both" in measured.margins else "left"]
    values = [value for value, pair in zip(margins.values, margins.pairs, strict=True) if pair == 0]
    if not values:
        raise ExperimentError("the end of the training texts holds no pronoun to tune with; give more with --data.")
    return log_loss(softmax_pair(values))
