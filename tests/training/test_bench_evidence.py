"""The study of evidence: which words are left out, and what it prints of a tiny bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import anaphora
from model.evidence import TokenEvidence
from model.trace import TracedToken
from tests.model.reference import language_model
from tests.tiny import SENTENCES, tiny_bundle
from training.bench_evidence import COMPARISONS, Compared, _without_word, _words

TEXT = 'Zoe met "___" in a house.'


def tokens() -> tuple[TokenEvidence, ...]:
    evidence = language_model().cloze(TEXT, ["he", "she"], evidence="hold").evidence
    assert evidence is not None
    return evidence.tokens


def test_words_are_the_runs_of_letters_whatever_their_pieces() -> None:
    read = tokens()
    words = ["".join(read[index].token.text for index in word).strip("▁ ") for word in _words(TEXT, read)]
    assert words == ["Zoe", "met", "in", "a", "house"]
    assert [read[index].token.text for index in next(_words(TEXT, read))] == ["▁", "Z", "o", "e"]
    assert any(len(word) > 1 for word in _words(TEXT, read))


def test_a_word_is_left_out_with_one_space() -> None:
    read = tokens()
    left_out = [_without_word(TEXT, read, word) for word in _words(TEXT, read)]
    assert left_out == [
        'met "___" in a house.',
        'Zoe "___" in a house.',
        'Zoe met "___" a house.',
        'Zoe met "___" in house.',
        'Zoe met "___" in a.',
    ]


def test_two_words_that_touch_are_not_one() -> None:
    entries = [
        TokenEvidence(TracedToken(*token), 0.0) for token in (("a", 0, 1), ("-", 1, 2), ("b", 2, 3), ("c", 4, 5))
    ]
    assert list(_words("a-b c", entries)) == [[0], [2], [3]]


def test_figures_of_numbers_that_go_together_and_of_those_that_do_not() -> None:
    same, against = Compared(), Compared()
    for text in range(4):
        same.add(text, [0.0, 1.0, 2.0 + text], [0.0, 2.0, 4.0 + 2 * text])
        against.add(text, [0.0, 1.0, 3.0], [0.0, -1.0, -3.0])
    figures = same.figures(seed=0)
    assert (figures["n"], figures["n_texts"]) == (12, 4)
    assert figures["pearson"]["value"] == pytest.approx(1)
    assert figures["same_strongest"] == {"value": 1.0, "chance": pytest.approx(1 / 3)}
    assert against.figures(seed=0)["spearman"]["value"] == pytest.approx(-1)


@pytest.mark.parametrize("direction", ["bidirectional", "causal"])
def test_the_command_tells_all_comparisons(direction: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, text, written = (
        tiny_bundle(tmp_path / "tiny", direction=direction),
        tmp_path / "text.txt",
        tmp_path / "out.json",
    )
    text.write_text("\n\n".join(SENTENCES), encoding="utf-8")
    argv = [
        "bench",
        "evidence",
        str(bundle),
        "--data",
        str(text),
        "--items",
        "6",
        "--steps",
        "8",
        "--json",
        str(written),
    ]
    assert anaphora.main(argv) == 0
    out = capsys.readouterr().out
    assert all(meaning in out for meaning in COMPARISONS.values())
    (record,) = json.loads(written.read_text())["results"]
    assert record["context"] == ("both" if direction == "bidirectional" else "left")
    alone = record["comparisons"]["words of one piece"]
    assert alone["n"] > 10
    assert alone["pearson"]["value"] > 0.98  # but for words whose neighbours are read otherwise without them
    assert record["comparisons"]["integrated gradients"]["n"] > 20


def test_texts_without_a_pronoun_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Nobody is here.", encoding="utf-8")
    assert anaphora.main(["bench", "evidence", str(tiny_bundle(tmp_path / "tiny")), "--data", str(text)]) == 1
    assert "no he/she is in these texts" in capsys.readouterr().err
