"""The model card: what a stranger learns from a bundle's README.md alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.training.conftest import TinyRun
from training.card import card, markdown, with_figures
from training.evaluation.tables import Table


@pytest.fixture
def metadata(finished: TinyRun) -> dict[str, Any]:
    return dict(finished.bundle.metadata)


def front_matter(text: str) -> dict[str, Any]:
    return yaml.safe_load(text.split("---\n")[1])


def test_the_front_matter_is_yaml_with_the_fields_that_hubs_read(metadata: dict[str, Any]) -> None:
    assert front_matter(card(metadata)) == {
        "language": "en",
        "license": "cc0-1.0",
        "library_name": "anaphora",
        "pipeline_tag": "fill-mask",
        "tags": ["pronouns", "cloze", "recurrent-neural-network", "lstm", "bidirectional"],
    }


def test_a_licence_that_nobody_gave_is_not_named(metadata: dict[str, Any]) -> None:
    assert "license" not in front_matter(card(metadata | {"license": None}))


def test_the_structure_comes_before_the_cell_and_every_line_is_filled(finished: TinyRun) -> None:
    text = finished.bundle.card
    places = [text.index(f"\n| {name} |") for name in ("direction", "layers", "units of a layer", "cell", "weights")]
    assert places == sorted(places)
    assert "| layers | 1 in each direction (forward + backward) |" in text
    assert "$" not in text


def test_the_card_names_texts_command_seed_and_machine(finished: TinyRun) -> None:
    text = finished.bundle.card
    assert "2 texts (0.0 MB on disk), 2 documents" in text
    record = finished.bundle.metadata["provenance"]["sources"][1]
    assert f"| texts/second.txt | {record['bytes']:,} | {record['sha256'][:16]} |" in text
    assert "Held out for validation: 2 texts." in text
    assert "```sh\nanaphora train texts --out tiny\n```" in text
    assert "in 6 steps" in text
    assert "seed 1." in text


def test_many_texts_are_folded_and_too_many_are_told_by_their_number(metadata: dict[str, Any]) -> None:
    record = {"name": "a_b|c.txt", "bytes": 1, "sha256": "0" * 64}
    provenance = metadata["provenance"] | {"sources": [record] * 21, "n_sources": 21}
    text = card(metadata | {"provenance": provenance})
    assert "<details><summary>The 21 texts</summary>" in text
    assert r"| a\_b\|c.txt | 1 |" in text
    text = card(metadata | {"provenance": provenance | {"sources": [], "n_sources": 1_000_000}})
    assert "1,000,000 texts" in text
    assert "SHA-256 of the whole list" in text


def test_without_validation_texts_the_card_says_what_was_held_out(metadata: dict[str, Any]) -> None:
    provenance = metadata["provenance"] | {"valid_sources": [], "n_valid_sources": 0}
    assert "the last 1.00% of the texts' tokens" in card(metadata | {"provenance": provenance})


def test_figures_stand_beside_a_constant_answer(finished: TinyRun) -> None:
    lines = [line for line in finished.bundle.card.splitlines() if line.startswith("| he/she, both sides |")]
    summary = finished.bundle.metadata["metrics"]["validation"]["pairs"]["he/she"]["both"]
    assert len(lines) == 1
    assert f"| {summary['balanced_accuracy']:.3f} |" in lines[0]
    assert lines[0].endswith("| 0.500 |")
    assert "Nothing is recorded of other texts" in finished.bundle.card


def test_another_language_gets_its_own_example(metadata: dict[str, Any]) -> None:
    pronouns = {"language": "es", "pairs": [{"name": "él/ella", "forms": ["él", "ella"]}]}
    text = card(metadata | {"pronouns": pronouns})
    assert "María hizo la maleta porque ___ se iba." in text
    assert "(él/ella and others)" in text
    assert 'cloze("___")' in card(metadata | {"pronouns": pronouns | {"language": "eo"}})


def test_new_figures_replace_their_section_and_nothing_else(finished: TinyRun) -> None:
    text = finished.bundle.card
    assert with_figures(text, finished.bundle.metadata["metrics"]) == text
    changed = with_figures(text, {})
    assert "he/she, both sides" not in changed
    assert changed.partition("\n## How good it is\n")[0] == text.partition("\n## How good it is\n")[0]
    assert changed.partition("\n## What it is for")[2] == text.partition("\n## What it is for")[2]
    assert with_figures("# by hand\n", {}).startswith("# by hand\n\n## How good it is\n")


def test_a_cell_of_a_table_cannot_break_it() -> None:
    table = Table("a*b", ("x|y", "n"), (("<b>\n`", "1"),))
    assert markdown(table).splitlines() == [r"**a\*b**", "", r"| x\|y | n |", "| --- | ---: |", r"| \<b\> \` | 1 |"]
