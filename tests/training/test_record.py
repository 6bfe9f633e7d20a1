"""Recording an evaluation in a bundle: figures and card change, weights and tokenizer do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from model.bundle import read_bundle
from tests.training.conftest import TinyRun
from training.errors import EvaluationError
from training.record import name_of, record_metrics


@pytest.fixture
def bundle(finished: TinyRun, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.options.out, tmp_path / "tiny"))


def summary(balanced: float | None) -> dict[str, Any]:
    return {
        "n_items": 30,
        "accuracy": 0.9,
        "accuracy_interval": [0.8, 0.95],
        "first_accuracy": 0.95,
        "second_accuracy": 0.75,
        "balanced_accuracy": balanced,
        "balanced_accuracy_interval": [None, None] if balanced is None else [balanced - 0.1, balanced + 0.05],
        "log_loss_nats": 0.4,
        "calibration_error": 0.02,
        "tie_rate": 0.0,
    }


def cloze_report(bundle: Path) -> dict[str, Any]:
    columns = {
        "model_left": summary(0.8),
        "model_both": summary(0.85),
        "always_he": summary(0.5),
        "ngram_both": summary(0.6),
    }
    return {
        "suite": "cloze",
        "bundle": {"name": "tiny", "sha256": read_bundle(bundle).sha256},
        "data": [{"name": f"test/{name}.txt", "bytes": 1, "sha256": "0" * 64} for name in "ab"],
        "ngram": {"description": "trigram", "sources": [{}] * 1000},
        "results": {
            "pairs": {"he/she": {"all": columns}, "him/her": {"all": {"model_both": summary(None)}}},
            "n_scored": {"he/she": {"he": 20, "she": 10}},
        },
        "notes": ["n-gram: trigram_1"],
    }


def test_figures_go_into_the_bundle_and_its_card(bundle: Path) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    record_metrics(bundle, "cloze", cloze_report(bundle))
    written = read_bundle(bundle)
    for name in ("weights.safetensors", "tokenizer.model"):
        assert (bundle / name).read_bytes() == before[name]
    kept = written.metadata["metrics"]["cloze"]["test"]
    assert kept["results"]["pairs"]["he/she"]["all"]["model_both"]["balanced_accuracy"] == 0.85
    assert kept["ngram"] == "trigram"
    assert "**he/she cloze on test: 20 he, 10 she**" in written.card
    row = r"| this model, both sides | 30 | 0.850 | 0.750-0.900 | 0.900 | 0.4 | 0.020 | 0.000 | 0.950 | 0.750 |"
    assert row in written.card
    assert "| n-gram, both sides | 30 | 0.600 |" in written.card
    assert "| always he | 30 | 0.500 |" in written.card
    assert "| him/her, all | 30 | - |" in written.card
    assert r"- n-gram: trigram\_1" in written.card
    assert "Nothing is recorded" not in written.card
    assert "| he/she, both sides |" in written.card  # validation stays


def test_reports_of_the_same_weights_are_recorded_one_after_the_other(bundle: Path) -> None:
    report = cloze_report(bundle)
    perplexity = report | {
        "suite": "perplexity",
        "results": {
            "total": {
                "perplexity": 90.5,
                "perplexity_per_word": 140.25,
                "bits_per_character": 1.9,
                "n_tokens": 1200,
                "n_words": 1000,
                "n_characters": 5000,
                "n_unknown": 3,
            },
            "documents": {"a": {}},
        },
    }
    pairs = report | {
        "suite": "pairs",
        "results": {
            "gender": {
                "columns": {
                    "cloze_both": {"n_items": 9, "accuracy": 0.7, "balanced_accuracy": {"himself/herself": 0.6}}
                },
                "n_of_form": {"himself/herself": {"himself": 5, "herself": 4}},
                "best_fixed_preference": "herself > himself",
            }
        },
    }
    for each in (report, perplexity, pairs):
        record_metrics(bundle, each["suite"], each, data_name="novels/test")
    record_metrics(bundle, "cloze", report, data_name="novels/test")
    written = read_bundle(bundle)
    assert {suite: list(found) for suite, found in written.metadata["metrics"].items() if suite != "validation"} == {
        "cloze": ["novels/test"],
        "perplexity": ["novels/test"],
        "pairs": ["novels/test"],
    }
    assert "documents" not in written.metadata["metrics"]["perplexity"]["novels/test"]["results"]
    assert "| this model | 90.5 | 140.2 | 1.9 | 1,200 | 1,000 | 5,000 | 3 |" in written.card
    assert "| this model, cloze, both sides | 9 | 0.700 | - | - | 0.600 |" in written.card
    assert len(written.metadata["earlier_sha256"]) == 4
    assert written.card.count("he/she cloze on") == 1


def test_a_report_of_another_bundle_or_suite_is_refused(bundle: Path) -> None:
    report = cloze_report(bundle)
    before = (bundle / "bundle.json").read_bytes()
    with pytest.raises(EvaluationError, match="the report is of the bundle other with the hash 123"):
        record_metrics(bundle, "cloze", report | {"bundle": {"name": "other", "sha256": "123"}})
    with pytest.raises(EvaluationError, match="the report is of the suite 'cloze', and 'pairs' was to be recorded"):
        record_metrics(bundle, "pairs", report)
    with pytest.raises(EvaluationError, match="expected the JSON report"):
        record_metrics(bundle, "cloze", report | {"results": None})
    assert (bundle / "bundle.json").read_bytes() == before


def test_figures_that_a_report_lacks_are_shown_as_absent(bundle: Path) -> None:
    report = cloze_report(bundle) | {"results": {"pairs": {"he/she": {"all": {"model_both": {}, "new_column": {}}}}}}
    record_metrics(bundle, "cloze", json.loads(json.dumps(report)))
    card = read_bundle(bundle).card
    assert "| this model, both sides | - | - | - | - | - | - | - | - | - |" in card
    assert "| new column | - |" in card
    assert "on the first form" in card


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["test/a.txt", "test/deep/b.txt"], "test"),
        (["blimp/gender.jsonl"], "blimp/gender.jsonl"),
        (["valid/a.txt", "test/b.txt"], "valid and test"),
        (["tmpx1/standard-input.txt"], "standard input"),
        ([], "unnamed texts"),
    ],
)
def test_data_is_called_after_its_folder(names: list[str], expected: str) -> None:
    assert name_of([{"name": name} for name in names]) == expected
