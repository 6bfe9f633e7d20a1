"""The model card: a bundle's README.md, for somebody who finds the bundle without the project.

A function of bundle.json alone, so that it can be written again when figures are recorded (`record.py`). Markdown with
the front matter that model hubs read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from model.cells import CELL_TYPES
from model.config import NetworkConfig
from model.structure import n_weights
from training.evaluation.tables import Table
from training.figures import evaluation_tables, validation_tables

Metadata = Mapping[str, Any]

MAX_SHOWN_TEXTS = 20
"""More than these are folded away."""
EXAMPLES = {
    "en": "Mary packed her bag because ___ was leaving.",
    "es": "María hizo la maleta porque ___ se iba.",
}
"""A sentence to try, by language; of other languages the reader writes one."""
CELL_SENTENCES = {
    "mlp": "no memory: what it answers depends on the one token before (and after) the blank",
    "rnn": "a plain recurrent cell: the new hidden state is a tanh of the token and the state before",
    "gru": "a gated recurrent unit: a reset gate and an update gate decide what of the hidden state is kept",
    "lstm": "long short-term memory: input, forget and output gates around a cell state",
}
STRUCTURE_SENTENCES = {
    "causal": "causal: it reads from left to right, and everything it says follows from what stands before",
    "bidirectional": "bidirectional: one stack reads from the left, another from the right; they do not see each other, and "
    "a blank is filled from both",
}


def card(metadata: Metadata) -> str:
    """The whole card. `metadata`: bundle.json, or what `write_bundle` completes to it."""
    parts = [
        _front_matter(metadata),
        f"# {metadata['name']}",
        _summary(metadata),
        "## What it is",
        _structure(metadata),
        "## What it was trained on",
        _texts(metadata["provenance"]),
        "## How it was trained",
        _training(metadata),
        "## How good it is",
        _figures(metadata),
        "## What it is for, and what not",
        _use(metadata),
        "## How to use it",
        _how_to(metadata),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


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


def _summary(metadata: Metadata) -> str:
    network = metadata["network"]
    words = "/".join(metadata["pronouns"]["pairs"][0]["forms"])
    language_model = (
        "It is also a language model: it fills any blank with words of its vocabulary and scores texts."
        if metadata["objective"]["language_model_weight"]
        else "It was trained for that choice alone: it is no language model, and refuses top-k, perplexity and fill-mask."
    )
    return (
        f"A small {network['direction']} {network['cell'].upper()} that chooses between pronouns ({words} and others) in a "
        f"blank, trained and served by Anaphora; every gate of every unit can be looked at while it reads. {language_model}"
    )


def _structure(metadata: Metadata) -> str:
    network = NetworkConfig.from_json(metadata["network"])
    gates = ", ".join(CELL_TYPES[network.cell].activations)
    stacks = " + ".join(network.directions)
    parameters = n_weights(network)
    rows = (
        ("direction", STRUCTURE_SENTENCES[network.direction]),
        ("layers", f"{network.n_layers} in each direction ({stacks})"),
        ("units of a layer", f"{network.hidden_size:,}"),
        ("length of a piece's vector", f"{network.embedding_size:,}, shared by input and output"),
        ("vocabulary", f"{network.vocabulary_size:,} pieces, {metadata['tokenizer']} tokenizer (SentencePiece)"),
        ("cell", f"{network.cell}, {CELL_SENTENCES[network.cell]}"),
        ("what can be traced", gates),
        ("weights", f"{parameters:,}, stored as float16 ({parameters * 2 / 1e6:.1f} MB), computed in float32"),
        ("pairs", ", ".join(pair["name"] for pair in metadata["pronouns"]["pairs"])),
    )
    return markdown(Table("", ("the structure first, then the cell", ""), rows)).replace(" ---: ", " --- ")


def _texts(provenance: Metadata) -> str:
    said = (
        f"{_n_texts(provenance['n_sources'])} ({provenance['sources_bytes'] / 1e6:,.1f} MB on disk), "
        f"{provenance['n_documents']:,} documents, {provenance['n_corpus_tokens']:,} tokens. "
        "bundle.json holds the SHA-256 of each in full, under `provenance`."
    )
    listed = provenance["sources"]
    parts = [said if listed else said.replace("of each in full", "of the whole list")]
    if listed:
        parts.append(_folded(listed))
    if provenance["n_valid_sources"]:
        parts += [f"Held out for validation: {_n_texts(provenance['n_valid_sources'])}.", _folded(provenance["valid_sources"])]
    else:
        share = provenance["settings"]["validation_share"]
        parts.append(f"Held out for validation: the last {share:.0%} of the tokens above; no other text.")
    return "\n\n".join(part for part in parts if part)


def _n_texts(n: int) -> str:
    return f"{n:,} text" + ("" if n == 1 else "s")


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
    provenance = metadata["provenance"]
    hardware, objective = provenance["hardware"], metadata["objective"]
    where = hardware["gpu"] or hardware["cpu"] or "a processor without a name"
    cores = "" if hardware["gpu"] else f", {hardware['torch_threads']} of {hardware['n_cores']} cores"
    terms = [
        f"{name}, weight {weight:g}"
        for name, weight in (
            ("language modelling", objective["language_model_weight"]),
            ("the choice between a pronoun and its counterpart", objective["contrast_weight"]),
        )
        if weight
    ]
    commit = provenance["code"]["commit"]
    lines = [
        f"- Objective: {'; '.join(terms)}.",
        f"- {provenance['n_tokens']:,} tokens read in {provenance['n_steps']:,} steps, {provenance['n_epochs']:.2f} times "
        f"the texts; seed {provenance['seed']}.",
        f"- {provenance['elapsed_seconds'] / 60:,.0f} minutes of steps on {where}{cores}; from {provenance['started_at']} "
        f"to {provenance['finished_at']}.",
        f"- Anaphora {provenance['code']['version']}{f', commit {commit}' if commit else ''}; torch "
        f"{provenance['versions']['torch']}. All settings stand in bundle.json under `provenance.settings`.",
    ]
    return f"```sh\n{provenance['command']}\n```\n\n" + "\n".join(lines)


def _figures(metadata: Metadata) -> str:
    metrics = metadata["metrics"]
    parts = [
        "Balanced accuracy is the mean of the accuracies on each of the two forms, so a constant answer scores 0.5 however "
        "unequal their numbers; intervals are of 95 %, ties count one half, log-loss is in nats. Measured on the weights as "
        "stored."
    ]
    recorded = evaluation_tables(metrics)
    parts += [markdown(table) for table in recorded]
    parts += [f"- {_cell(note)}" for note in _notes(metrics)]
    if not recorded:
        parts.append(
            "Nothing is recorded of other texts than those of its training; `anaphora evaluate` measures that, beside the "
            "constant answers and an n-gram."
        )
    validation = [markdown(table) for table in validation_tables(metrics)]
    if validation:
        parts.append(
            "During training a fixed sample of held-out fragments was asked; the temperatures were fitted on the same sample, "
            "so log-loss and calibration error are a little too good there."
        )
    return "\n\n".join(parts + validation)


def _notes(metrics: Metadata) -> list[str]:
    notes = [
        note
        for suite, reports in metrics.items()
        if suite != "validation"
        for report in reports.values()
        for note in report.get("notes") or ()
    ]
    return list(dict.fromkeys(notes))


def _use(metadata: Metadata) -> str:
    calibrated = sorted({entry["pair"] for entry in metadata["calibration"]})
    said = f"calibrated for {', '.join(calibrated)}" if calibrated else "not calibrated"
    return (
        "For teaching and research: how a recurrent network keeps track of whom a text speaks of, what its gates do, what it "
        "picks up from its texts.\n\n"
        "- A probability says how the given words compare in this blank (they sum to 1), not who somebody is. Not for telling "
        "the gender of people, nor for any decision about them.\n"
        "- It repeats what its texts hold, with their period's views of who does what: names, trades and relations of another "
        "period or place may be answered at random, or with prejudice.\n"
        f"- Probabilities are {said}; of other words they are as sure of themselves as the network is.\n"
        "- It is small: it follows a subject over a sentence or a few, not through a book, and it knows nothing of the world."
    )


def _how_to(metadata: Metadata) -> str:
    language = metadata["pronouns"]["language"]
    text = EXAMPLES.get(language.partition("-")[0], "")
    if not text:
        text = "___"
    name = metadata["name"]
    quoted = json.dumps(text, ensure_ascii=False)
    body = json.dumps({"text": text}, ensure_ascii=False)
    hint = "" if text != "___" else "\n\nPut a sentence around the blank, `___`."
    return (
        f"`{name}` stands for the folder of this file.\n\n"
        f"```sh\nanaphora fill {quoted} --model {name}\n"
        f"anaphora serve --models {name}\n"
        f"curl -s http://127.0.0.1:8000/v1/cloze --json '{body}'\n```\n\n"
        f"```python\nfrom model import load\n\nresult = load({json.dumps(name, ensure_ascii=False)}).cloze({quoted})\n"
        f"print(result.blanks[0].predictions[0])\n```{hint}"
    )
