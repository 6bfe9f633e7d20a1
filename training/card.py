"""The model card: a bundle's README.md, for somebody who finds the bundle without the project.

Written at the end of a training from what goes into bundle.json; its section of figures is written again whenever
figures are recorded (`record.py`). Markdown with the front matter that model hubs read; the words stand in `card.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

import yaml

from model.cells import CELL_TYPES
from model.config import NetworkConfig
from model.structure import n_weights
from training.evaluation.tables import Table
from training.figures import duration, evaluation_tables, validation_tables

Metadata = Mapping[str, Any]

FIGURES_HEADING = "## How good it is"
FIGURES_EXPLAINED = """\
Balanced accuracy is the mean of the accuracies on each of the two forms, so a constant answer scores 0.5 however
unequal their numbers; intervals are of 95 %, ties count one half, log-loss is in nats. Measured on the weights as
stored."""
NOTHING_RECORDED = """\
Nothing is recorded of other texts than those of its training; `anaphora evaluate` measures that, beside the constant
answers and an n-gram."""
VALIDATION_EXPLAINED = """\
During training a fixed sample of held-out fragments was asked; the temperatures were fitted on the same texts, so
log-loss and calibration error are a little too good there."""
MAX_SHOWN_TEXTS = 20
"""More than these are folded away."""
EXAMPLES = {
    "en": "Mary packed her bag because ___ was leaving.",
    "es": "María hizo la maleta porque ___ se iba.",
}
"""A sentence to try, by language; of other languages the blank alone."""
CELLS_EXPLAINED = {
    "mlp": "no memory: what it answers depends on the one token before (and after) the blank",
    "rnn": "a plain recurrent cell: the new hidden state is a tanh of the token and the state before",
    "gru": "a gated recurrent unit: a reset gate and an update gate decide what of the hidden state is kept",
    "lstm": "long short-term memory: input, forget and output gates around a cell state",
}
DIRECTIONS_EXPLAINED = {
    "causal": "it reads from left to right, and everything it says follows from what stands before",
    "bidirectional": "one stack reads from the left, another from the right; they do not see each other, and a blank "
    "is filled from both",
}


def card(metadata: Metadata) -> str:
    """The whole card. `metadata`: what goes into bundle.json."""
    network, provenance = metadata["network"], metadata["provenance"]
    calibrated = list(dict.fromkeys(entry["pair"] for entry in metadata["calibration"]))
    text = EXAMPLES.get(metadata["pronouns"]["language"].partition("-")[0], "___")
    return Template((resources.files("training") / "card.md").read_text(encoding="utf-8")).substitute(
        front_matter=_front_matter(metadata),
        name=metadata["name"],
        direction=network["direction"],
        cell=network["cell"].upper(),
        words="/".join(metadata["pronouns"]["pairs"][0]["forms"]),
        language_model="It is also a language model: it fills any blank with words of its vocabulary and scores texts."
        if metadata["objective"]["language_model_weight"]
        else "It was trained for that choice alone and refuses top-k, perplexity and fill-mask.",
        structure=_structure(metadata),
        texts=_texts(provenance),
        command=provenance["command"],
        training=_training(metadata),
        figures=_figures(metadata["metrics"]),
        calibrated=f"calibrated for {', '.join(calibrated)}" if calibrated else "not calibrated",
        quoted=json.dumps(text, ensure_ascii=False),
        body=json.dumps({"text": text}, ensure_ascii=False),
    )


def with_figures(text: str, metrics: Metadata) -> str:
    """A card with its section of figures written anew; one that has none gets it at its end."""
    before, _, rest = text.partition(f"\n{FIGURES_HEADING}\n")
    _, heading, after = rest.partition("\n## ")
    return f"{before.rstrip()}\n\n{_figures(metrics)}\n" + (heading + after)


def markdown(table: Table) -> str:
    """A table in Markdown, figures to the right, its title in bold above."""
    lines = [
        _row(table.header),
        "|" + "|".join([" --- ", *(" ---: " for _ in table.header[1:])]) + "|",
        *(_row(row) for row in table.rows),
    ]
    return "\n".join([f"**{_cell(table.title)}**", "", *lines] if table.title else lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    for character in "\\|*_<>`[":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())


def _front_matter(metadata: Metadata) -> str:
    network = metadata["network"]
    fields: dict[str, Any] = {"language": metadata["pronouns"]["language"]}
    if metadata.get("license"):
        fields["license"] = metadata["license"]
    fields["library_name"] = "anaphora"
    if metadata["objective"]["language_model_weight"]:
        fields["pipeline_tag"] = "fill-mask"
    fields["tags"] = ["pronouns", "cloze", "recurrent-neural-network", network["cell"], network["direction"]]
    return "---\n" + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True) + "---"


def _structure(metadata: Metadata) -> str:
    network = NetworkConfig.from_json(metadata["network"])
    n = n_weights(network)
    rows = (
        ("direction", f"{network.direction}: {DIRECTIONS_EXPLAINED[network.direction]}"),
        ("layers", f"{network.n_layers} in each direction ({' + '.join(network.directions)})"),
        ("units of a layer", f"{network.hidden_size:,}"),
        ("length of a piece's vector", f"{network.embedding_size:,}, shared by input and output"),
        ("vocabulary", f"{network.vocabulary_size:,} pieces, {metadata['tokenizer']} tokenizer (SentencePiece)"),
        ("cell", f"{network.cell}, {CELLS_EXPLAINED[network.cell]}"),
        ("what can be traced", ", ".join(CELL_TYPES[network.cell].activations)),
        ("weights", f"{n:,}, stored as float16 ({n * 2 / 1e6:.2g} MB), computed in float32"),
        ("pairs", ", ".join(pair["name"] for pair in metadata["pronouns"]["pairs"])),
    )
    return markdown(Table("", ("the structure first, then the cell", ""), rows)).replace(" ---: ", " --- ")


def _texts(provenance: Metadata) -> str:
    each = "each in full" if provenance["sources"] else "the whole list"
    parts = [
        f"{_counted(provenance['n_sources'], 'text')} ({provenance['sources_bytes'] / 1e6:,.1f} MB on disk), "
        f"{_counted(provenance['n_documents'], 'document')}, {provenance['n_corpus_tokens']:,} tokens. "
        f"bundle.json holds the SHA-256 of {each}, under `provenance`.",
        _folded(provenance["sources"]),
    ]
    if provenance["n_valid_sources"]:
        parts.append(f"Held out for validation: {_counted(provenance['n_valid_sources'], 'text')}.")
        parts.append(_folded(provenance["valid_sources"]))
    else:
        share = provenance["settings"]["validation_share"]
        parts.append(f"Held out for validation: the last {share:.2%} of the texts' tokens; no other text.")
    return "\n\n".join(part for part in parts if part)


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _folded(records: Sequence[Metadata]) -> str:
    """The texts as a table; many of them under a line that opens it."""
    if not records:
        return ""
    rows = tuple((record["name"], f"{record['bytes']:,}", record["sha256"][:16]) for record in records)
    table = markdown(Table("", ("text", "bytes", "SHA-256 begins"), rows))
    if len(records) <= MAX_SHOWN_TEXTS:
        return table
    return f"<details><summary>The {len(records):,} texts</summary>\n\n{table}\n\n</details>"


def _training(metadata: Metadata) -> str:
    provenance, objective = metadata["provenance"], metadata["objective"]
    hardware, code = provenance["hardware"], provenance["code"]
    where = hardware["gpu"] or f"{hardware['cpu']}, {hardware['torch_threads']} of {hardware['n_cores']} cores"
    weights = {
        "language modelling": objective["language_model_weight"],
        "the choice between a pronoun and its counterpart": objective["contrast_weight"],
    }
    commit = f", commit {code['commit']}" if code["commit"] else ""
    lines = [
        *_parent(provenance.get("parent")),
        f"- Objective: {'; '.join(f'{name}, weight {weight:g}' for name, weight in weights.items() if weight)}.",
        f"- {provenance['n_tokens']:,} tokens read in {provenance['n_steps']:,} steps, "
        f"{provenance['n_epochs']:.2f} times the texts; seed {provenance['seed']}.",
        f"- {duration(provenance['elapsed_seconds'])} of steps on {where}; "
        f"from {provenance['started_at']} to {provenance['finished_at']}.",
        f"- Anaphora {code['version']}{commit}; torch {provenance['versions']['torch']}. "
        "All settings stand in bundle.json under `provenance.settings`.",
    ]
    return "\n".join(lines)


def _parent(parent: Metadata | None) -> list[str]:
    """A line on the bundle whose training went on, where there is one."""
    if not parent:
        return []
    return [
        f"- Continued from the bundle {_cell(parent['name'])} (hash {parent['sha256']}), with its tokenizer, to "
        f"which {parent['unknown_share']:.2%} of the pieces of these texts are unknown."
    ]


def _figures(metrics: Metadata) -> str:
    """The section of figures, heading and all: what was recorded, then the held-out fragments."""
    recorded = [markdown(table) for table in evaluation_tables(metrics)]
    notes = [f"- {_cell(note)}" for note in _notes(metrics)]
    measured = [markdown(table) for table in validation_tables(metrics)]
    parts = [FIGURES_HEADING, FIGURES_EXPLAINED, *(recorded or [NOTHING_RECORDED]), "\n".join(notes)]
    if measured:
        parts += [VALIDATION_EXPLAINED, *measured]
    return "\n\n".join(part for part in parts if part)


def _notes(metrics: Metadata) -> list[str]:
    reports = [report for suite, found in metrics.items() if suite != "validation" for report in found.values()]
    return list(dict.fromkeys(note for report in reports for note in report.get("notes") or ()))
