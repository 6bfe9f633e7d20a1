"""What a person reads in a terminal: an answer, a shelf of bundles, one bundle with its card."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.bundle import Bundle
from model.cloze import Blank, ClozeResult
from model.evidence_lines import evidence_lines
from model.labels import display_width, padded, printable, visible
from model.shelf import facts_of

BAR_WIDTH, JOINT_SHOWN = 20, 10


def print_anything() -> None:
    """Lets what the terminal cannot show, or what is no character at all, appear as an escape instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def as_json(value: object, indent: int | None = None) -> str:
    """`value`, readable where the terminal has all characters; else with escapes."""
    return json.dumps(value, indent=indent, ensure_ascii=not _is_unicode(), allow_nan=False)


def shows_colours() -> bool:
    """Whether standard output is a terminal whose user has not asked for no colours (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_unicode() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")


def told(result: ClozeResult) -> str:
    """An answer for a person: a table a blank, with the edits' before and after side by side; then the evidence."""
    lines = [visible(result.text)]
    several = len(result.blanks) > 1
    for number, blank in enumerate(result.blanks, 1):
        title = f"blank {number}" if several else "word"
        if result.without_interventions is not None:
            lines += _before_and_after(title, result.without_interventions[number - 1], blank)
            continue
        rows = [(visible(p.filled), p.probability, f"{p.log_probability:>15.2f}") for p in blank.predictions]
        lines += _table(title, "log-probability", rows)
    if result.joint:
        rows = [(", ".join(map(visible, entry.filled)), entry.probability, "") for entry in result.joint[:JOINT_SHOWN]]
        title = "together" if result.joint_kind == "exact" else "together (pseudo-likelihood)"
        lines += _table(title + (", after" if result.without_interventions is not None else ""), "", rows)
        if len(result.joint) > JOINT_SHOWN:
            lines.append(f"  and {len(result.joint) - JOINT_SHOWN:,} less probable ways (--json has them all)")
    if result.temperature != 1:
        lines.append(f"  probabilities at the calibrated temperature {result.temperature:.3g}")
    if result.evidence is not None:
        lines += evidence_lines(result.text, result.evidence, shows_colours())
    return "\n".join(lines)


def _table(title: str, last: str, rows: Sequence[tuple[str, float, str]]) -> list[str]:
    """Lines of word, probability, something, bar."""
    block = "█" if _is_unicode() else "#"
    width = max(display_width(word) for word in (title, *(row[0] for row in rows)))
    lines = [f"  {padded(title, width)}  probability  {last}".rstrip()]
    for word, probability, value in rows:
        bar = block * round(BAR_WIDTH * probability)
        lines.append(
            f"  {padded(word, width)}  {_share(probability):>11}  {value}{'  ' if value else ''}{bar}".rstrip()
        )
    return lines


def _share(probability: float) -> str:
    return f"{probability:.4f}" if probability >= 0.0001 or probability == 0 else f"{probability:.1e}"


def _before_and_after(title: str, before: Blank, after: Blank) -> list[str]:
    """Lines of word, probability before and after the interventions, log-probability before and after, bar of after."""
    block = "█" if _is_unicode() else "#"
    old = {(prediction.filled, prediction.pieces): prediction for prediction in before.predictions}
    width = max(display_width(word) for word in (title, *(visible(p.filled) for p in after.predictions)))
    lines = [f"  {padded(title, width)}  {'before':>9}  {'after':>9}  {'log-probability before and after':>32}"]
    for prediction in after.predictions:
        was = old[prediction.filled, prediction.pieces]
        shares = f"{_share(was.probability):>9}  {_share(prediction.probability):>9}"
        nats = f"{was.log_probability:>21.2f}  {prediction.log_probability:>9.2f}"
        bar = block * round(BAR_WIDTH * prediction.probability)
        lines.append(f"  {padded(visible(prediction.filled), width)}  {shares}  {nats}  {bar}".rstrip())
    return lines


def _structure(network: dict[str, Any]) -> str:
    return f"{network['n_layers']} x {network['hidden_size']} {network['direction']}"


def _accuracy(facts: dict[str, Any]) -> str:
    found = facts["balanced_accuracy"]
    return f"{found['pair']} {found['value']:.3f} ({found['measured_on']})" if found else "-"


def _size(facts: dict[str, Any]) -> str:
    return f"{facts['bytes'] / 1e6:.1f} MB"


def listed(all_facts: Sequence[dict[str, Any]]) -> str:
    """A line a bundle; a damaged one with its reason."""
    rows = [("name", "cell", "structure", "tokenizer", "size", "sha256", "balanced accuracy")]
    for facts in all_facts:
        if "error" in facts:
            continue
        network = facts["network"]
        tokenizer = f"{facts['tokenizer']} {network['vocabulary_size']:,}"
        row = (facts["name"], network["cell"], _structure(network), tokenizer, _size(facts), facts["sha256"][:12])
        rows.append((*row, visible(_accuracy(facts))))
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    failures = [
        f"{visible(facts['name'])}  cannot be loaded: {printable(facts['error'])}"
        for facts in all_facts
        if "error" in facts
    ]
    return "\n".join([*(lines if len(lines) > 1 else []), *failures])


def shown(folder: Path, bundle: Bundle) -> str:
    """The facts of one bundle, then its card."""
    facts, network, metadata = facts_of(folder, bundle), bundle.network, bundle.metadata
    temperatures = [f"{'/'.join(e['forms'])} {e['context']} {e['temperature']:.3g}" for e in metadata["calibration"]]
    texts = metadata["provenance"].get("texts")
    rows = {
        "folder": facts["folder"],
        "sha256": facts["sha256"],
        "structure": f"{network.n_layers} layers of {network.hidden_size} units, {network.direction}",
        "cell": network.cell,
        "tokenizer": f"{bundle.tokenizer.kind}, {network.vocabulary_size:,} pieces, embedding {network.embedding_size}",
        "parameters": f"{facts['n_parameters']:,}",
        "size": _size(facts),
        "pronouns": ", ".join("/".join(pair) for pair in bundle.pairs),
        "temperatures": ", ".join(temperatures) or "not calibrated",
        "gender units": ", ".join(f"{k} {units[0]}" for k, units in bundle.gender_units.items()) or "not recorded",
        "language model": "yes" if bundle.has_language_model else "no: without top-k and perplexity",
        "trained on": f"{len(texts):,} texts" if isinstance(texts, list) else "not recorded",
        "command": str(metadata["provenance"].get("command", "not recorded")),
        "balanced accuracy": _accuracy(facts),
    }
    lines = [f"  {name:<17}  {visible(value)}" for name, value in rows.items()]
    return "\n".join([bundle.name, *lines, "", printable(bundle.card).rstrip()])
