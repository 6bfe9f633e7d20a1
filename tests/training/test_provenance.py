"""What a bundle says of its making."""

from __future__ import annotations

import json
import os
from pathlib import Path

from training.provenance import MAX_LISTED_BYTES, note_start, started_at, texts
from training.sources import SourceRecord


def test_a_list_of_texts_too_long_for_a_bundle_is_told_by_number_and_hash() -> None:
    records = [SourceRecord(f"texts/{number:06}.txt", 1, f"{number:064x}") for number in range(12_000)]
    told, few = texts("sources", records), texts("sources", records[:3])
    assert (told["sources"], told["n_sources"], told["sources_bytes"]) == ([], 12_000, 12_000)
    assert len(few["sources"]) == 3
    assert len(json.dumps(records[0].__dict__)) * 12_000 > MAX_LISTED_BYTES
    assert told["sources_sha256"] != few["sources_sha256"]
    assert texts("sources", [])["n_sources"] == 0


def test_a_name_that_is_no_utf8_can_still_be_written() -> None:
    name = os.fsdecode(b"texts/caf\xe9.txt")
    assert texts("sources", [SourceRecord(name, 1, "0" * 64)])["sources"][0]["name"] == "texts/caf?.txt"


def test_the_start_of_a_run_is_noted_or_taken_from_its_tokenizer(tmp_path: Path) -> None:
    assert started_at(tmp_path) is None
    (tmp_path / "tokenizer.sha256").write_text("", encoding="utf-8")
    os.utime(tmp_path / "tokenizer.sha256", (86_400, 86_400))
    assert started_at(tmp_path) == "1970-01-02T00:00:00+00:00"
    note_start(tmp_path)
    noted = started_at(tmp_path)
    assert noted is not None
    assert noted > "2025"
    assert noted.endswith("+00:00")
