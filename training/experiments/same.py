"""`anaphora experiment same`: LSTM against GRU on the novels' cloze, by the real trainer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from model.structure import n_weights
from training.config import TrainingConfig
from training.evaluation.tables import Table
from training.experiments.kept_runs import CONTEXTS, KeptRuns
from training.experiments.outcome import NAMES, Outcome, Settings, cells_of, line, told, verdict
from training.experiments.rates import tuned
from training.experiments.seed_statistics import SeedMean, difference, over_seeds
from training.experiments.sizes import matched
from training.pictures import COLOURS, Line, Panel
from training.progress import say

CLAIM = "The final results of LSTM and GRU differ little: do not worry which you choose."
METHOD = (
    "Bidirectional networks of one layer are trained on the texts with the real trainer, language model and contrast "
    "at pronouns together, and asked the he/she cloze on the validation texts as anaphora evaluate asks it. Learning "
    "rates are chosen by the contrast at the end of the training texts, which those trainings hold out. The interval "
    "is over seeds, with the same questions for all: it says what another training would give, not other texts."
)
TAKES = frozenset({"steps", "data", "valid", "keep"})
NEEDS = ("data", "valid")
CELLS = ("lstm", "gru")
STEPS = 1000
RATES = (0.002, 0.004, 0.008)
N_QUESTIONS = 2000
KEEP = Path("same.run")
SHARED: dict[str, Any] = {
    "layers": 1,
    "hidden": 96,
    "embedding": 64,
    "vocabulary": 4096,
    "rows": 20,
    "bptt_steps": 64,
    "contrast_weight": 3.0,
    "warmup_steps": 50,
    "dropout": 0.0,
    "checkpoint_minutes": 1.0,
}
QUICK: dict[str, Any] = {
    "hidden": 16,
    "embedding": 16,
    "vocabulary": 512,
    "rows": 4,
    "bptt_steps": 24,
    "least_right_context": 4,
    "warmup_steps": 2,
}
SIDES = {"left": "left only", "both": "both sides"}


def run(settings: Settings) -> Outcome:
    """Both cells, every seed; what an earlier, interrupted run has done is not done again."""
    steps = settings.steps or (6 if settings.quick else STEPS)
    shared = SHARED | (QUICK if settings.quick else {})
    config = TrainingConfig(**shared, steps=steps, validate_every_steps=steps)
    runs = KeptRuns(settings.keep or KEEP, config, settings.data, settings.valid, 40 if settings.quick else N_QUESTIONS)
    configs = matched(config.network(runs.corpus.tokenizer.vocabulary_size), CELLS)
    results: dict[str, Any] = {"steps": steps, "questions": 0, "cells": {}}
    balanced: dict[str, dict[str, SeedMean]] = {}
    for cell, network in configs.items():
        shape: dict[str, Any] = {"cell": cell, "hidden": network.hidden_size}
        chosen = tuned(cell, RATES, partial(_tuning_loss, runs, shape))
        scores = []
        for seed in settings.seeds:
            scores.append(runs.scores(**shape, learning_rate=chosen.rate, seed=seed))
            say(f"{cell}, seed {seed}: {scores[-1]['both']['balanced_accuracy']:.3f} with both sides")
        balanced[cell] = {
            context: over_seeds([score[context]["balanced_accuracy"] for score in scores], (0.0, 1.0))
            for context in CONTEXTS
        }
        results["questions"] = scores[0]["both"]["n_items"]
        results["cells"][cell] = {
            "units": network.hidden_size,
            "weights": n_weights(network),
            "learning_rate": chosen.rate,
            "tuning_nats": dict(chosen.losses),
            "seeds": dict(zip(settings.seeds, scores, strict=True)),
            "balanced_accuracy": {context: mean.to_json() for context, mean in balanced[cell].items()},
        }
    apart = {c: difference(balanced["lstm"][c].values, balanced["gru"][c].values) for c in CONTEXTS}
    results["lstm_minus_gru"] = {context: mean.to_json() for context, mean in apart.items()}
    return Outcome(
        results,
        [_table(balanced, apart, results)],
        [_seeds_panel(balanced, settings), _difference_panel(apart)],
        [_finding(context, balanced, apart[context]) for context in CONTEXTS],
    )


def _tuning_loss(runs: KeptRuns, shape: dict[str, Any], rate: float) -> float:
    return runs.tuning_loss(**shape, learning_rate=rate, seed=0)


def _table(balanced: dict[str, dict[str, SeedMean]], apart: dict[str, SeedMean], results: dict[str, Any]) -> Table:
    rows = []
    for cell, means in balanced.items():
        of_cell = results["cells"][cell]
        made = (str(of_cell["units"]), f"{of_cell['weights']:,}", f"{of_cell['learning_rate']:g}")
        rows.append((NAMES[cell], *(part for context in CONTEXTS for part in cells_of(means[context])), *made))
    rows.append(("LSTM minus GRU", *(part for context in CONTEXTS for part in cells_of(apart[context])), "", "", ""))
    sides = [part for context in CONTEXTS for part in (SIDES[context], "95 % interval")]
    title = f"Balanced accuracy, he/she cloze, {results['questions']:,} questions (a constant answer: 0.500)"
    return Table(title, ("cell", *sides, "units", "weights", "learning rate"), tuple(rows))


def _seeds_panel(balanced: dict[str, dict[str, SeedMean]], settings: Settings) -> Panel:
    x = [float(place) for place in range(settings.n_seeds)]
    lines = [
        line(NAMES[cell], x, [over_seeds([value]) for value in means["both"].values], cell)
        for cell, means in balanced.items()
    ]
    names = [str(seed) for seed in settings.seeds]
    return Panel("Both sides, seed by seed", "balanced accuracy", lines, ("constant answer", 0.5), 0.45, "seed", names)


def _difference_panel(apart: dict[str, SeedMean]) -> Panel:
    means = list(apart.values())
    drawn = line("LSTM minus GRU", [0.0, 1.0], means, "lstm")
    shown = Line(drawn.label, drawn.x, drawn.values, COLOURS[4], True, drawn.intervals)
    names = [SIDES[context] for context in apart]
    return Panel("LSTM minus GRU", "difference", [shown], ("no difference", 0.0), across="what was read", names=names)


def _finding(context: str, balanced: dict[str, dict[str, SeedMean]], apart: SeedMean) -> str:
    found = ", ".join(f"{NAMES[cell]} {told(means[context])}" for cell, means in balanced.items())
    return f"{SIDES[context].capitalize()}: {found}; LSTM minus GRU {told(apart)}, {verdict(apart)}."
