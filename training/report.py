"""The report of a training: report.json, and report.html, one page that needs nothing else and no internet.

Knows what is shown and in which order: figures first, then curves, then what they depend on.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.curves import History, pictures, speeds
from training.evaluation.plots import reliability_panel, slices_panel, slices_table
from training.evaluation.tables import ABSENT, Table, share
from training.figures import CONTEXT_NAMES, duration, validation_tables
from training.held_out import Answered, HeldOut
from training.mining import BLANK
from training.page import figures, filled, table, tables
from training.pictures import Picture, picture

REPORT_VERSION = 1
MAX_SHOWN_TEXTS = 200
MAX_SHOWN_ROWS = 40
MIN_DRAWN_ITEMS = 10
"""Pairs with fewer items of one form have no curve."""


def write_report(run_folder: Path, metadata: Mapping[str, Any], history: History, held_out: HeldOut) -> None:
    """Writes both files. `metadata`: what went into bundle.json; `history`: the trainer's. Raises OSError."""
    content = {
        "report_version": REPORT_VERSION,
        **metadata,
        "history": list(history),
        "held_out": held_out.to_json(),
    }
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    for name, written in (("report.json", text), ("report.html", page(metadata, history, held_out))):
        part = run_folder / (name + ".part")
        part.write_text(written, encoding="utf-8")
        part.replace(run_folder / name)


def page(metadata: Mapping[str, Any], history: History, held_out: HeldOut) -> str:
    """The page, HTML."""
    provenance, network = metadata["provenance"], metadata["network"]
    pair_names = [pair["name"] for pair in metadata["pronouns"]["pairs"]]
    drawn = pictures(history, _drawn_pairs(metadata["metrics"], pair_names))
    first = [one for one in reversed(held_out.answered) if one.pair == held_out.answered[0].pair]
    contexts = {CONTEXT_NAMES.get(one.context, one.context): one for one in first}
    return filled(
        "report.html",
        title=html.escape(f"{metadata['name']}: training report"),
        name=html.escape(metadata["name"]),
        summary=html.escape(
            f"{network['direction']} {network['cell']}, {network['n_layers']} layers of {network['hidden_size']:,} "
            f"units in each direction, {network['vocabulary_size']:,} {metadata['tokenizer']} pieces; "
            f"{provenance['n_tokens']:,} tokens read in {provenance['n_steps']:,} steps, "
            f"{duration(provenance['elapsed_seconds'])} of steps"
        ),
        command=html.escape(provenance["command"]),
        figures=tables(validation_tables(metadata["metrics"])) or "<p>None were measured.</p>",
        curves=figures(drawn) or "<p>The run was too short for curves.</p>",
        course=table(_course(history, pair_names)),
        distance=_distance(contexts, held_out),
        reliability=figures([_reliability(contexts)]),
        calibration=table(_calibration(metadata["calibration"])),
        confusions=table(_confusions(held_out)),
        samples=_samples(held_out.samples),
        settings=table(Table("", ("setting", "value"), _pairs_of(provenance["settings"]))),
        data=tables(_data(provenance)),
        making=table(Table("", ("what", "value"), _making(metadata))),
    )


def _distance(contexts: Mapping[str, Answered], held_out: HeldOut) -> str:
    """Accuracy of the first pair by distance, drawn and in numbers."""
    title = f"{next(iter(contexts.values())).pair.name} by distance" if contexts else "By distance"
    across = f"words to the nearest earlier {' or '.join(held_out.kinds)} of the right gender"
    series = {name: one.slices() for name, one in contexts.items()}
    drawn = picture("by-distance", title, [slices_panel(title, across, series, "balanced accuracy")])
    shown = [
        table(
            slices_table(f"{one.pair.name}, {name}", across, {"balanced accuracy": one.slices()}, "balanced accuracy")
        )
        for name, one in contexts.items()
    ]
    return "\n".join([figures([drawn]), *shown])


def _reliability(contexts: Mapping[str, Answered]) -> Picture | None:
    panels = []
    for name, one in contexts.items():
        bins = one.reliability()
        series = {"temperature 1": bins["before"]}
        if one.temperature != 1:
            series[f"temperature {one.temperature:.3f}"] = bins["after"]
        panels.append(reliability_panel(f"{one.pair.name}, {name}", one.pair.forms[0], series))
    return picture("reliability", "Stated probabilities against shares", panels)


def _confusions(held_out: HeldOut) -> Table:
    rows = []
    for one in held_out.answered:
        for right, chosen in one.confusions().items():
            n_items = sum(chosen.values())
            other = one.pair.other(right)
            cells = (f"{n_items:,}", f"{chosen[right]:,}", f"{other}: {chosen[other]:,}", f"{chosen['tie']:,}")
            context = CONTEXT_NAMES.get(one.context, one.context)
            rows.append(
                (f"{one.pair.name}, {context}", right, *cells, share(chosen[right] / n_items) if n_items else ABSENT)
            )
    header = ("pair and context", "right", "items", "chosen rightly", "chosen instead", "ties", "share right")
    return Table("What was right, and what was chosen", header, tuple(rows))


def _samples(samples: Sequence[Mapping[str, Any]]) -> str:
    """A list of questions with the answers to them, HTML."""
    items = []
    for sample in samples:
        stated = sample["probabilities"]
        told = ", ".join(f"P({form}) {share(value)}" for form, value in stated.items())
        chosen = max(stated, key=lambda form: stated[form])
        verdict = "right" if chosen == sample["answer"] else "wrong"
        items.append(
            f"<li><q>{html.escape(sample['left'])}<b>{BLANK}</b>{html.escape(sample['right'])}</q>"
            f"<small>right: {html.escape(sample['answer'])}; {html.escape(told)}: {verdict}</small></li>"
        )
    return '<ol class="samples">\n' + "\n".join(items) + "\n</ol>" if items else "<p>There is no question to show.</p>"


def _course(history: History, pair_names: Sequence[str]) -> Table:
    """The held-out figures, evenly thinned, beside the curves that show them."""
    rows = list({row["step"]: row for row in history if "learning_rate" not in row}.values())
    step = math.ceil(len(rows) / MAX_SHOWN_ROWS) or 1
    shown = rows[::-1][::step][::-1]  # the last is always there
    names = {"valid_left_nats": "nats, left", "valid_both_nats": "nats, both sides"}
    for pair in pair_names:
        names |= {f"valid_{pair}_left": f"{pair}, left", f"valid_{pair}_both": f"{pair}, both sides"}
    names = {name: label for name, label in names.items() if any(row.get(name) is not None for row in shown)}
    speed = dict(speeds(history))
    cells = tuple(
        (
            f"{row['tokens']:,}",
            f"{row['step']:,}",
            *(_figure(row.get(name)) for name in names),
            f"{speed[row['tokens']]:,.0f}" if row["tokens"] in speed else ABSENT,
        )
        for row in shown
    )
    header = ("tokens", "steps", *names.values(), "tokens per second")
    return Table("Held-out figures during training", header, cells)


def _drawn_pairs(metrics: Mapping[str, Any], pair_names: Sequence[str]) -> list[str]:
    """The pairs with enough items of either form for a curve to be more than noise."""
    measured = metrics["validation"]["pairs"]
    counts = {
        name: [n for summary in measured.get(name, {}).values() for n in summary["n_of_form"].values()]
        for name in pair_names
    }
    return [name for name in pair_names if counts[name] and min(counts[name]) >= MIN_DRAWN_ITEMS]


def _calibration(entries: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple((e["pair"], e["context"], f"{e['temperature']:.3f}", f"{e['items']:,}") for e in entries)
    return Table("Calibration temperatures", ("pair", "context", "temperature", "items"), rows)


def _data(provenance: Mapping[str, Any]) -> list[Table]:
    tables = []
    for name, title in (("sources", "Training texts"), ("valid_sources", "Validation texts")):
        records = provenance[name]
        total = f"{title}: {provenance[f'n_{name}']:,}, {provenance[f'{name}_bytes']:,} bytes"
        if len(records) > MAX_SHOWN_TEXTS:
            total += f"; the first {MAX_SHOWN_TEXTS}"
        rows = tuple((r["name"], f"{r['bytes']:,}", r["sha256"]) for r in records[:MAX_SHOWN_TEXTS])
        if rows or name == "sources":
            tables.append(Table(total, ("text", "bytes", "SHA-256"), rows))
    return tables


def _making(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    provenance = metadata["provenance"]
    named = ("started_at", "finished_at", "n_documents", "n_corpus_tokens", "n_tokens", "n_steps", "n_epochs")
    groups = {name: provenance[name] for name in ("code", "versions", "hardware")} | {
        "objective": metadata["objective"]
    }
    return (
        *((name, _text(provenance[name])) for name in named),
        *((f"parent.{name}", _text(value)) for name, value in (provenance.get("parent") or {}).items()),
        *((f"{group}.{name}", _text(value)) for group, values in groups.items() for name, value in values.items()),
    )


def _pairs_of(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _text(value)) for name, value in values.items())


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return ABSENT if value is None else str(value)


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) and math.isfinite(value) else ABSENT


def _finite(value: Any) -> Any:
    """The same with None for numbers that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
