"""Tables and JSON of a study, and of several side by side. Knows what was measured; measures nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluation.answers import rounded
from training.evaluation.comparison import p_cell, signed, signed_interval
from training.evaluation.metrics import Interval
from training.evaluation.tables import ABSENT, Table, interval, share, told_apart
from training.units.ablation import Unit
from training.units.effects import Effect
from training.units.new_subject import GateStudy, Level
from training.units.study import Group, Measured, Study
from training.units.subjects import AGAIN, ELSEWHERE, OTHER, SAME

REPORT_VERSION = 1
SIGNIFICANT = 0.05
SHOWN_UNITS = 20
GROUP_IN_COMPARISON = 8
"""The size of the group whose share the comparison tells."""


def bundle_json(study: Study) -> dict[str, Any]:
    """Everything about one bundle, in a fixed order: no times, no folders of this machine."""
    options = study.options
    return {
        "bundle": {"name": study.bundle.name, "sha256": study.bundle.sha256, "network": study.bundle.network.to_json()},
        "held": study.activation,
        "n_units": study.n_units,
        "exact": options.exact,
        "screening_recall": _or_none(study.screening_recall),
        "questions": {one.name: _measured_json(one) for one in study.measured},
        "ranking": {stack: [_unit_json(study, unit) for unit in units] for stack, units in study.ranking.items()},
        "random_units": [_unit_json(study, unit) for unit in study.controls],
        "auc_of_all_units": {
            stack: [rounded(found.auc) for unit, found in study.selectivity.items() if unit.stack == stack]
            for stack in study.ranking
        },
        "gates": {
            stack: {which: found.to_json() for which, found in of_stack.items()}
            for stack, of_stack in study.gates.items()
        },
        "n_significant": {one.name: n_significant(one) for one in study.measured},
    }


def report_json(studies: Sequence[Study], context: Mapping[str, Any]) -> str:
    """The same text for the same studies."""
    content = {"report_version": REPORT_VERSION, **context, "bundles": [bundle_json(study) for study in studies]}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _measured_json(one: Measured) -> dict[str, Any]:
    return {
        "n_items": one.n_items,
        "n_places": one.n_places,
        "dropped": dict(one.dropped),
        "log_odds": rounded(one.plain_log_odds),
        "accuracy": rounded(one.plain_accuracy),
        "lost_without_all_units": rounded(one.all_lost),
        "agreement_of_the_estimate": {name: rounded(value) for name, value in one.agreement.items()},
        "groups": [
            {
                "size": group.size,
                "top": group.top.to_json(),
                "share": rounded(group.share),
                "random": [effect.to_json() for effect in group.random],
            }
            for group in one.groups
        ],
        "units": {str(unit): effect.to_json() for unit, effect in one.units.items()},
    }


def _unit_json(study: Study, unit: Unit) -> dict[str, Any]:
    return {
        "unit": unit.number,
        "stack": unit.stack,
        "log_odds_lost": rounded(study.effect(unit)),
        **study.selectivity[unit].to_json(),
    }


def n_significant(one: Measured) -> int:
    """Units whose ablation changes the log-odds for certain, after correction, among those ablated exactly."""
    return sum(effect.corrected_p < SIGNIFICANT for effect in one.units.values())


def tables(study: Study) -> list[Table]:
    """For a person: what was asked, the units, the groups, the gates."""
    return [_questions(study), _units(study), *(_groups(study, one) for one in study.measured), *_gates(study)]


def _questions(study: Study) -> Table:
    rows = tuple(
        (
            one.name,
            f"{one.n_items:,}",
            f"{one.n_places:,}",
            share(one.plain_accuracy),
            signed(one.plain_log_odds),
            signed(one.all_lost),
            f"{len(one.units):,}",
            f"{n_significant(one):,}",
            share(one.agreement["random units"]),
            share(one.agreement["all exact units"]),
        )
        for one in study.measured
    )
    header: tuple[str, ...] = ("questions", "items", "places", "accuracy", "log-odds", "lost without all units")
    header += ("units ablated", "significant (Holm)", "estimate agrees, random", "estimate agrees, all")
    title = f"{study.bundle.name}: {study.n_units:,} units, each one's {study.activation.replace('_', ' ')} at its mean"
    return Table(title, header, rows)


def _units(study: Study) -> Table:
    names = [one.name for one in study.measured]
    header: tuple[str, ...] = ("unit",)
    for name in names:
        header += (f"{name}: log-odds lost", "95 % interval", "accuracy lost", "p, Holm")
    header += ("AUC of subject's gender", "95 % interval", "higher for")
    rows = [_unit_row(study, unit) for unit in study.ranked()[:SHOWN_UNITS]]
    random: tuple[str, ...] = (f"{len(study.controls)} random units, mean",)
    most: tuple[str, ...] = ("  the largest of them",)
    for one in study.measured:
        effects = [one.units[unit] for unit in study.controls]
        random += (
            signed(_mean([e.log_odds for e in effects])),
            ABSENT,
            signed(_mean([e.accuracy for e in effects])),
            ABSENT,
        )
        most += (signed(max((e.log_odds for e in effects), default=math.nan)), ABSENT, ABSENT, ABSENT)
    aucs = [study.selectivity[unit].auc for unit in study.controls]
    rows += [(*random, share(_mean(aucs)), ABSENT, ABSENT), (*most, share(max(aucs, default=math.nan)), ABSENT, ABSENT)]
    return Table("The units that carry most, measured on the half they were not chosen on", header, tuple(rows))


def _unit_row(study: Study, unit: Unit) -> tuple[str, ...]:
    cells: tuple[str, ...] = (str(unit),)
    for one in study.measured:
        cells += effect_cells(one.units[unit])
    found = study.selectivity[unit]
    return (*cells, share(found.auc), interval(found.interval or Interval(math.nan, math.nan)), found.higher_for)


def effect_cells(effect: Effect) -> tuple[str, ...]:
    """Log-odds lost, its interval, accuracy lost, corrected p."""
    return (
        signed(effect.log_odds),
        signed_interval(effect.interval),
        signed(effect.accuracy),
        p_cell(effect.corrected_p),
    )


def _groups(study: Study, one: Measured) -> Table:
    header: tuple[str, ...] = ("units held together", "log-odds lost", "95 % interval", "accuracy lost", "share of all")
    header += ("random groups, mean", "least", "most")
    rows = tuple((f"top {g.size}", *effect_cells(g.top)[:3], share(g.share), *_random_cells(g)) for g in one.groups)
    return Table(f"Groups, {one.name}: the top k against {study.options.random_groups} random groups", header, rows)


def _random_cells(group: Group) -> tuple[str, str, str]:
    lost = [effect.log_odds for effect in group.random]
    return signed(_mean(lost)), signed(min(lost)), signed(max(lost))


def _gates(study: Study) -> list[Table]:
    if not study.gates:
        return []
    header: tuple[str, ...] = (
        "gate of",
        "units",
        *(c for kind in (OTHER, SAME, AGAIN, ELSEWHERE) for c in (kind, "95 % interval")),
    )
    header += ("same - other", "95 % interval")
    rows = []
    for stack, of_stack in study.gates.items():
        for which, found in of_stack.items():
            cells = tuple(c for kind in (OTHER, SAME, AGAIN, ELSEWHERE) for c in level_cells(found.levels[kind]))
            difference = (signed(found.difference.mean), signed_interval(found.difference.interval))
            rows.append((f"{stack}, {which}", f"{len(found.units)}", *cells, *difference))
    gate = next(iter(next(iter(study.gates.values())).values())).gate.replace("_", " ")
    return [Table(f"Mean {gate} (1 keeps) as the words are read", header, tuple(rows))]


def level_cells(level: Level) -> tuple[str, str]:
    """Mean and interval."""
    return share(level.mean), interval(level.interval)


def comparison_table(studies: Sequence[Study]) -> Table:
    """Bundles side by side: how many units, what share the top ones carry, and whether the gate forgets."""
    header: tuple[str, ...] = ("bundle", "cell", "units")
    for one in studies[0].measured:
        header += (f"{one.name}: significant", "of ablated", "best unit", f"share of top {GROUP_IN_COMPARISON}")
    header += ("best AUC", "gate of", OTHER, SAME, ELSEWHERE, "same - other", "95 % interval")
    rows = tuple(_compared(name, study) for name, study in zip(names_of(studies), studies, strict=True))
    return Table("Bundles side by side", header, rows)


def names_of(studies: Sequence[Study]) -> list[str]:
    """What the bundles are called in a table."""
    return told_apart([(study.bundle.name, study.bundle.sha256) for study in studies])


def _compared(name: str, study: Study) -> tuple[str, ...]:
    cells: tuple[str, ...] = (name, study.bundle.network.cell, f"{study.n_units:,}")
    for one in study.measured:
        best = max(effect.log_odds for effect in one.units.values())
        group = max((g for g in one.groups if g.size <= GROUP_IN_COMPARISON), key=lambda g: g.size)
        cells += (f"{n_significant(one):,}", f"{len(one.units):,}", signed(best), share(group.share))
    stack, found = forgetting(study)
    cells += (share(max(s.auc for s in study.selectivity.values())),)
    if found is None:
        return (*cells, *[ABSENT] * 6)
    levels = (share(found.levels[kind].mean) for kind in (OTHER, SAME, ELSEWHERE))
    return (*cells, stack, *levels, signed(found.difference.mean), signed_interval(found.difference.interval))


def forgetting(study: Study) -> tuple[str, GateStudy | None]:
    """The gate study of the forward layer whose top units carry most, which is the one told where only one is."""
    if not study.gates:
        return ABSENT, None
    carried = {
        stack: sum(study.effect(unit) for unit in units) for stack, units in study.ranking.items() if "forward" in stack
    }
    stack = max(carried, key=lambda name: carried[name])
    return stack, study.gates[stack]["top"]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _or_none(value: float | None) -> float | None:
    return None if value is None else rounded(value)
