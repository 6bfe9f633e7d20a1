"""`anaphora compare` on tiny bundles: tables, page, the same bytes twice, and wrong usage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import SENTENCES, tiny_bundle
from tests.training.evaluation.fakes import RuleModel
from tests.training.test_report import Outline
from training.compare import compare_bundles, main, parser
from training.errors import EvaluationError
from training.evaluation.runner import Options

TEXT = "\n".join(SENTENCES)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("bundles")
    return [str(tiny_bundle(folder / "one", seed=1)), str(tiny_bundle(folder / "two", cell="gru", seed=2))]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "gender.jsonl").write_text(
        '{"sentence_good": "Anna saw herself.", "sentence_bad": "Anna saw himself."}\n'
        '{"sentence_good": "Paul saw himself.", "sentence_bad": "Paul saw herself."}\n'
        '{"sentence_good": "Paul saw himself.", "sentence_bad": "Paul saw itself."}\n',
        encoding="utf-8",
    )
    return tmp_path


def test_two_suites_are_laid_side_by_side(bundles: list[str], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suites = [
        "--suite",
        "cloze",
        "--data",
        str(data / "text.txt"),
        "--suite",
        "pairs",
        "--data",
        str(data / "gender.jsonl"),
    ]
    written = {name: str(data / name) for name in ("out.html", "out.json", "again.json")}
    assert main([*bundles, *suites, "--no-ngram", "--html", written["out.html"], "--json", written["out.json"]]) == 0
    printed = capsys.readouterr().out
    for told in ("one, both sides", "two, left only", "always she", "Paired bootstrap", "Exact McNemar", "p, Holm"):
        assert told in printed
    assert "gender, himself/herself only: 2 items (1 himself, 1 herself)" in printed
    assert main([*bundles, *suites, "--no-ngram", "--json", written["again.json"]]) == 0
    text = Path(written["out.json"]).read_bytes()
    assert text == Path(written["again.json"]).read_bytes()
    assert str(data).encode() not in text
    content = json.loads(text)
    assert [bundle["name"] for bundle in content["bundles"]] == ["one", "two"]
    assert [one["suite"] for one in content["suites"]] == ["cloze", "pairs"]
    assert content["suites"][0]["comparison"]["tests"][0]["p_value"] <= 1

    page = Path(written["out.html"]).read_text(encoding="utf-8")
    outline = Outline(page)
    assert all(address.startswith("#") for address in outline.addresses)
    assert len(outline.ids) == len(set(outline.ids))
    assert "<script" not in page
    assert "url(http" not in page


def test_the_n_gram_of_the_first_bundle_stands_beside_all_and_its_text_counts_the_names(data: Path) -> None:
    language_models = [RuleModel(lambda text, target, context: float(target == "he")), RuleModel(knows_anna)]
    language_models[1].name, language_models[1].sha256 = "other", "1" * 64
    options = Options(pair_names=("he/she",), ngram_data=(data / "text.txt",), cache=data / "cache")
    report = compare_bundles(language_models, [("cloze", [data / "text.txt"])], options)
    assert [row[0] for row in report.suites[0].tables[0].rows] == [
        "rule, left only",
        "other, left only",
        "rule, both sides",
        "other, both sides",
        "always he",
        "always she",
        "chance",
        "n-gram, left only",
        "n-gram, both sides",
    ]
    assert report.suites[0].comparison is not None
    assert report.suites[0].comparison.counts == "the training text of the n-gram"
    assert len(language_models[0].asked) == 2  # each question once with either context


def knows_anna(text: str, target: str, context: str) -> float:
    return float((target == "she") == ("Anna" in text))


def test_a_suite_without_such_questions_puts_the_figures_side_by_side(
    bundles: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = ["--html", str(data / "x.html"), "--json", str(data / "x.json")]
    assert main([*bundles, "--suite", "perplexity", "--data", str(data / "text.txt"), *outputs]) == 0
    figures = json.loads((data / "x.json").read_text(encoding="utf-8"))["suites"][0]["bundles"]
    assert set(figures) == {"one", "two"}
    assert figures["one"]["total"]["bits_per_character"] != figures["two"]["total"]["bits_per_character"]
    printed = capsys.readouterr().out
    assert "one, all" in printed
    assert "two, all" in printed
    assert "without paired tests" in printed


def test_a_suite_that_asks_its_own_stories_needs_no_data(
    bundles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*bundles, "--suite", "tracking", "--stories", "2", "--no-ngram"]) == 0
    printed = capsys.readouterr().out
    for kind in ("subject kept", "new subject", "distractor of the other gender", "reflexive"):
        assert f"\n{kind}: " in printed


def test_each_suite_has_the_data_that_follows_it() -> None:
    words = ["a", "b", "--data", "x", "y", "--suite", "pairs", "--data", "z", "--data", "w"]
    arguments = parser().parse_args(words)
    assert arguments.suites == [("cloze", [Path("x"), Path("y")]), ("pairs", [Path("z"), Path("w")])]
    assert arguments.bundles == ["a", "b"]


def test_what_cannot_be_compared_is_refused_before_anything_slow(bundles: list[str], data: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*bundles, "--suite", "cloze"])
    assert caught.value.code == 2
    with pytest.raises(EvaluationError, match=r"--html .*there is no folder"):
        main(["no-such-bundle", "--data", str(data), "--html", str(data / "missing" / "x.html")])
    with pytest.raises(EvaluationError, match=r"the bundle one .* is given twice"):
        main([bundles[0], bundles[0], "--data", str(data / "text.txt")])
    with pytest.raises(EvaluationError, match="do not apply to the suite tracking"):
        main(["no-such-bundle", "--data", str(data), "--suite", "tracking", "--left", "100"])
    with pytest.raises(EvaluationError, match="--pair does not apply to the suite pairs"):
        main(["no-such-bundle", "--suite", "pairs", "--data", str(data), "--pair", "he/she"])
    with pytest.raises(EvaluationError, match="a seed of -1"):
        main(["no-such-bundle", "--data", str(data), "--seed", "-1"])


def test_two_bundles_of_one_name_are_told_apart_by_their_hash(data: Path) -> None:
    language_models = [RuleModel(knows_anna), RuleModel(knows_anna)]
    language_models[1].sha256 = "f" * 64
    options = Options(pair_names=("he/she",), ngram=False)
    report = compare_bundles(language_models, [("cloze", [data / "text.txt"])], options)
    assert [row[0] for row in report.bundles.rows] == ["rule 00000000", "rule ffffffff"]


def test_questions_that_not_all_can_be_asked_are_named_as_left_out(data: Path) -> None:
    language_models = [RuleModel(knows_anna), RuleModel(knows_anna, has_language_model=False)]
    language_models[1].sha256 = "f" * 64
    report = compare_bundles(language_models, [("pairs", [data / "gender.jsonl"])], Options(ngram=False))
    (suite,) = report.suites
    assert suite.comparison is not None
    named = [name for name in suite.comparison.left_out if "sentence" in name]
    assert named and list(suite.comparison.left_out[named[0]]) == ["rule ffffffff"]
    assert f"{named[0]} is left out: rule ffffffff cannot be asked it" in suite.notes


def test_what_is_said_of_a_bundle_is_said_of_each(data: Path) -> None:
    language_models = [RuleModel(knows_anna), RuleModel(knows_anna)]
    language_models[1].sha256 = "f" * 64
    language_models[1].bundle.metadata["provenance"] = {"settings": {"story_share": 0.3}}
    language_models[1].bundle.metadata["network"] = {"direction": "causal"}
    language_models[1].bundle.has_language_model = False
    report = compare_bundles(language_models, [("tracking", [])], Options(n_stories=2, ngram=False))
    notes = "\n".join(report.suites[0].notes)
    assert "rule ffffffff: with both sides a causal network compares how likely" in notes
    assert notes.count("with both sides a causal network") == 1
    assert report.suites[0].context["options"]["stories"] == 2
    assert "rule ffffffff: the bundle was trained on stories (30% of its rows)" in notes
    assert "rule 00000000: the bundle" in notes


def test_who_cannot_answer_is_named(data: Path) -> None:
    mute = RuleModel(knows_anna, has_language_model=False)
    with pytest.raises(EvaluationError, match="rule, suite perplexity: this bundle was trained without"):
        compare_bundles([mute], [("perplexity", [data / "text.txt"])], Options())
