"""The suites by name, what each reads, and what a bundle cannot answer."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_tokenizer
from tests.training.evaluation.fakes import RuleModel
from tests.training.evaluation.gap_rows import write
from training.errors import EvaluationError
from training.evaluation.suites import OWN_DATA, SUITES, Evaluation, check_data, check_options, data_files, suite_named
from training.mining import Window
from training.pronouns import load_pairs

LINE = json.dumps({"sentence_good": "Anna saw herself.", "sentence_bad": "Anna saw himself."})


def evaluation(data: Path, **changed: Any) -> Evaluation:
    pairs = load_pairs()
    values: dict[str, Any] = {
        "language_model": RuleModel(lambda *_: 0.0),
        "data": [data],
        "pairs": pairs,
        "chosen": pairs.pairs,
        "window": Window(),
        "trigram": None,
        "has_language_model": True,
    }
    return Evaluation(**values | changed)


def test_every_suite_that_is_built_runs_on_data_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Tom said he was late.", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text(LINE, encoding="utf-8")
    (tmp_path / "pro_stereotyped_type2.txt.dev").write_text("1 The cook saw [the baker] and called [her].\n")
    (tmp_path / "occupations.tsv").write_text(
        "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\nbaker\t10\t60.5\t2015\n"
    )
    write(tmp_path / "gap.tsv")
    files = {
        "pairs": "a.jsonl",
        "winobias": "pro_stereotyped_type2.txt.dev",
        "winogender": "occupations.tsv",
        "gap": "gap.tsv",
    }
    for name in SUITES:
        data = tmp_path / files.get(name, "a.txt")
        results = suite_named(name)(evaluation(data, n_stories=2))
        assert results.tables()
        json.dumps(results.to_json(), allow_nan=False)


def test_a_suite_that_does_not_exist_is_refused() -> None:
    with pytest.raises(EvaluationError, match="there is no suite 'glue'"):
        suite_named("glue")


def test_a_bundle_without_the_language_model_objective_has_no_perplexity_and_no_sentence_scores(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINE, encoding="utf-8")
    with pytest.raises(EvaluationError, match="without the language-model objective"):
        suite_named("perplexity")(evaluation(tmp_path / "a.jsonl", has_language_model=False))
    results = suite_named("pairs")(evaluation(tmp_path / "a.jsonl", has_language_model=False))
    assert "sentence" not in results.to_json()["a"]["columns"]


def test_pairs_are_read_from_a_folder_and_limited_by_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(f"{LINE}\n\n{LINE}\n{LINE}\n", encoding="utf-8")
    results = suite_named("pairs")(evaluation(tmp_path, limit=2)).to_json()
    assert [results[name]["columns"]["sentence"]["n_items"] for name in ("a", "b")] == [2, 2]


def test_pairs_may_be_compressed(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "gender.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(LINE)
    for data in (tmp_path, tmp_path / "gender.jsonl.gz"):
        assert suite_named("pairs")(evaluation(data)).tables()


def test_a_folder_without_json_lines_is_refused_for_pairs(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Tom said he was late.", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"no .jsonl file in this folder"):
        suite_named("pairs")(evaluation(tmp_path))


def test_of_a_folder_a_suite_with_files_of_its_own_reads_only_those(tmp_path: Path) -> None:
    for name in ("pro_stereotyped_type1.txt.dev", "notes.md", "gap.tsv", "other.csv"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in data_files("winobias", [tmp_path])] == ["pro_stereotyped_type1.txt.dev"]
    assert [path.name for path in data_files("gap", [tmp_path])] == ["gap.tsv"]
    assert data_files("cloze", [tmp_path]) == [tmp_path]
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="empty: no such file in this folder; expected GAP's table"):
        data_files("gap", [tmp_path / "empty"])


def test_masked_needs_a_bundle_that_can_name_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Tom said he was late.", encoding="utf-8")
    with pytest.raises(EvaluationError, match="trained without the language-model objective"):
        suite_named("masked")(evaluation(tmp_path / "a.txt", has_language_model=False))
    model = RuleModel(lambda *_: 0.0)
    model.bundle.tokenizer = tiny_tokenizer("character")
    with pytest.raises(EvaluationError, match="no whole words as pieces"):
        suite_named("masked")(evaluation(tmp_path / "a.txt", language_model=model))
    with pytest.raises(EvaluationError, match="--whole-document is not built for the suite masked"):
        check_options("masked", Window(whole_document=True))


@pytest.mark.parametrize("suite", sorted(set(SUITES) - {"cloze", "masked", "gap"}))
def test_a_suite_that_shows_its_texts_whole_refuses_a_window(suite: str) -> None:
    check_options(suite, Window())
    for window in (Window(left=100), Window(right=5), Window(whole_document=True)):
        with pytest.raises(EvaluationError, match=f"do not apply to the suite {suite}"):
            check_options(suite, window)


def test_a_suite_that_asks_its_own_stories_reads_no_data_and_every_other_needs_some(tmp_path: Path) -> None:
    for name in SUITES:
        given, missing = ([], [tmp_path]) if name in OWN_DATA else ([tmp_path], [])
        check_data(name, given)
        with pytest.raises(EvaluationError, match="leave --data out" if name in OWN_DATA else "name it with --data"):
            check_data(name, missing)
