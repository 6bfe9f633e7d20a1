"""Evidence of each token: against texts from which it was really left out, and against edits in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from model.cells import Array, State
from model.cloze import ClozeRequest, ClozeResult
from model.equations import Carried, EquationsReader
from model.errors import AbandonedError, EvidenceError, TooManyError, UnsupportedError
from model.interventions import Intervention
from model.language_model import LanguageModel
from model.limits import Limits
from model.moments import moments_of, token_of, without
from model.trace import TraceRequest
from tests.model.edited import Edit, EditedReference, asked
from tests.model.reference import FLOAT32, Reference, bigram, language_model

TEXT = "Tom said that ___ was tired."
PARTS = ["Tom said that ", " was tired."]
RECURRENT = ("rnn", "gru", "lstm")


class LeftOut(Reference):
    """Scores of a filled text whose ids lack one token; that of the blank stays."""

    def __init__(self, model: LanguageModel, token: int) -> None:
        super().__init__(model)
        self.token, self.ends_early = token, False

    def read(self, parts: Sequence[str], words: Sequence[str]) -> tuple[list[int], list[tuple[int, int]]]:
        ids, [(first, end)] = super().read(parts, words)
        place = self.token if self.token < first else self.token + end - first - 1
        if place == len(ids) - 1 and not self.bidirectional:  # </s>, which a causal network neither reads nor scores
            return ids, [(first, end)]
        self.ends_early = not self.bidirectional and end == len(ids) - 2 == place
        shift = place < first
        return [*ids[:place], *ids[place + 1 :]], [(first - shift, end - shift)]

    def _end(self, ids: Sequence[int], span: tuple[int, int], right: Sequence[int] | None) -> float:
        """The rule of a text's last word is not that of a word whose successor was left out."""
        return 0.0 if self.ends_early and right is None and span[1] == len(ids) - 1 else super()._end(ids, span, right)

    def _after(self, direction: str, ids: tuple[int, ...]) -> tuple[Array, list[State]]:
        if not ids:
            return np.zeros((1, self.network.config.hidden_size)), self.network.stacks[direction].initial_state(1)
        if len(ids) == 1 and (direction, ids) not in self._read:
            hidden, state = self.network.read(direction, np.array([ids]))
            self._read[direction, ids] = hidden[-1, :, -1], state
        return super()._after(direction, ids)


def log_odds(
    reference: Reference, targets: Sequence[str], parts: Sequence[str] = PARTS, context: str = "both"
) -> float:
    first, second = (reference.score(parts, [target], context) for target in targets)
    return first - second


def changes(result: ClozeResult) -> list[float | None]:
    assert result.evidence is not None
    return [entry.log_odds_change for entry in result.evidence.tokens]


def hidden_blank(result: ClozeResult) -> int:
    return changes(result).index(None)


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
@pytest.mark.parametrize(
    ("direction", "context"), [("causal", "both"), ("bidirectional", "both"), ("bidirectional", "left")]
)
@pytest.mark.parametrize("cell", RECURRENT)
def test_hold_equals_really_leaving_the_token_out(cell: str, direction: str, context: str, kind: str) -> None:
    """Every token, <s> and </s> and marks too; one target of several pieces."""
    model = language_model(cell, direction, kind)
    targets = ["she", "met"]
    result = model.cloze(TEXT, targets, context=context, evidence="hold")
    whole = log_odds(Reference(model), targets, PARTS, context)
    found = changes(result)
    assert found.count(None) == 1
    for token, change in enumerate(found):
        if change is not None:
            without_it = log_odds(LeftOut(model, token), targets, PARTS, context)
            assert change == pytest.approx(whole - without_it, abs=2 * FLOAT32), token
    assert max(abs(change) for change in found if change is not None) > 0.01


def test_a_held_last_mark_leaves_no_new_end_of_the_word_to_be_counted() -> None:
    """Without the full stop a causal network would score that the word ends there; holding is not rewriting."""
    model = language_model("lstm", "causal")
    targets, parts = ["she", "met"], ["Tom said that ", "."]
    found = changes(model.cloze("___".join(parts), targets, evidence="hold"))
    for token in range(len(found) - 3, len(found)):
        if found[token] is not None:
            expected = log_odds(Reference(model), targets, parts) - log_odds(LeftOut(model, token), targets, parts)
            assert found[token] == pytest.approx(expected, abs=2 * FLOAT32)


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize(
    ("cell", "kind", "activation", "value"),
    [
        ("lstm", "write", "input_gate", 0.0),
        ("lstm", "erase", "forget_gate", 1.0),
        ("mlp", "hold", "hidden_state", 0.0),
    ],
)
def test_a_gate_closed_or_open_at_a_token_is_the_edit_of_all_its_layers(
    cell: str, kind: str, activation: str, value: float, direction: str
) -> None:
    model, targets = language_model(cell, direction), ["he", "met"]
    found = changes(model.cloze(TEXT, targets, evidence=kind))
    whole = log_odds(Reference(model), targets)
    for token, change in enumerate(found):
        if change is None:
            continue
        edits: list[Edit] = [
            (f"layer{layer}.{name}.{activation}", range(6), (token, token), "set", value)
            for layer in range(2)
            for name in model.config.directions
        ]
        reference = EditedReference(model, edits)
        expected = whole - log_odds(reference, targets)
        if kind == "hold" and direction == "causal" and token > hidden_blank(model.cloze(TEXT, targets, evidence=kind)):
            expected += own_log_odds(reference, targets, token)
        assert change == pytest.approx(expected, abs=2 * FLOAT32), token


def own_log_odds(reference: EditedReference, targets: Sequence[str], token: int) -> float:
    """What a token after the blank adds to the log-odds by its own log-probability."""
    own = []
    for target in targets:
        ids, [(first, end)] = reference.read(PARTS, [target])
        place = token + end - first - 1
        own.append(float(reference.log_probabilities(ids[:place])[ids[place]]) if place < len(ids) - 1 else 0.0)
    return own[0] - own[1]


def test_a_network_that_counts_one_word_has_its_evidence_there_by_hand() -> None:
    """After `▁said` he is three times as probable as she, after anything else both are alike."""
    model = bigram("word", {"▁said": {"▁he": 0.75, "▁she": 0.25}, "▁Tom": {"▁he": 0.5, "▁she": 0.5}})
    result = model.cloze("Tom said ___", ["he", "she"], context="left", evidence="hold")
    assert result.evidence is not None
    assert [(entry.token.text, entry.token.start, entry.token.end) for entry in result.evidence.tokens] == [
        ("<s>", 0, 0),
        ("Tom", 0, 3),
        ("said", 4, 8),
        ("he", 9, 12),
        ("</s>", 12, 12),
    ]
    assert changes(result) == [0.0, 0.0, pytest.approx(np.log(3), abs=1e-5), None, 0.0]
    other_way = changes(model.cloze("Tom said ___", ["she", "he"], context="left", evidence="hold"))
    assert other_way[2] == pytest.approx(-np.log(3), abs=1e-5)


@pytest.mark.parametrize("cell", RECURRENT)
def test_tokens_are_those_of_the_trace_and_predictions_those_without_evidence(cell: str) -> None:
    model = language_model(cell)
    text = 'So "___," said Zoe\u0308 once.'
    plain = model.cloze(text, trace=TraceRequest(units=(0,)))
    result = model.cloze(text, trace=TraceRequest(units=(0,)), evidence="hold")
    assert result.evidence is not None
    assert result.trace is not None
    assert tuple(entry.token for entry in result.evidence.tokens) == result.trace.tokens
    assert result.blanks == plain.blanks
    (blank,) = [entry.token for entry in result.evidence.tokens if entry.log_odds_change is None]
    assert text[blank.start : blank.end] == "___"


def test_evidence_beside_edits_is_that_of_the_edited_network() -> None:
    """Held at a token, what is edited there is left out with it; a frozen gate keeps the value from before."""
    model, targets = language_model("lstm", "bidirectional"), ["he", "she"]
    edits: list[Edit] = [
        ("layer0.forward.forget_gate", [0, 2], (2, 4), "freeze", 0.0),
        ("layer1.backward.cell_state", [1], (6, 7), "scale", -1.0),
    ]
    found = changes(model.cloze(TEXT, targets, evidence="hold", interventions=asked(edits)))
    whole = log_odds(EditedReference(model, edits), targets)
    for token in (1, 3, 7):
        moved = [(s, u, tuple(t - (t > token) - (t == token == q[1]) for t in q), w, n) for s, u, q, w, n in edits]

        class Both(EditedReference):
            def read(self, parts: Any, words: Any, token: int = token) -> Any:
                ids, [(first, end)] = Reference.read(self, parts, words)
                ids = [*ids[:token], *ids[token + 1 :]]
                self._row_ids = ids
                tokens = list(range(len(ids)))
                self._rows = {d: self.activations(d, ids, tokens) for d in self.config.directions}
                return ids, [(first - (token < first), end - (token < first))]

        assert found[token] == pytest.approx(whole - log_odds(Both(model, moved), targets), abs=2 * FLOAT32), token  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("direction", "context"), [("causal", "both"), ("bidirectional", "both"), ("bidirectional", "left")]
)
def test_what_evidence_costs_is_counted_before_it_is_read(
    direction: str, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = language_model("gru", direction)
    n_rows, n_places = 0, 0
    step = EquationsReader._step

    def counting(self: EquationsReader, name: str, moments: Any, before: Carried, see: Any = None) -> Carried:
        nonlocal n_rows
        n_rows += len(moments)
        return step(self, name, moments, before, see)

    def counting_places(self: EquationsReader, forward: Array, backward: Array | None = None) -> Array:
        nonlocal n_places
        n_places += len(forward)
        return self.network.readout(forward, backward)

    monkeypatch.setattr(EquationsReader, "_step", counting)
    monkeypatch.setattr(EquationsReader, "log_probabilities", counting_places)
    prepared = model.prepare(ClozeRequest(TEXT, (("she", "met"),), None, context, evidence="hold"))
    model.answer([prepared])
    assert prepared.evidence is not None
    assert n_rows + n_places <= prepared.evidence.n_tokens <= 1.35 * (n_rows + n_places)
    longest = max(place.n_left for place, _ in prepared.evidence.terms)
    assert n_rows < len(prepared.request.targets or ()) * 2 * 9 * 9  # the text once for each of its tokens and targets
    assert n_rows >= longest * (longest + 1) / 2


def test_evidence_that_nobody_waits_for_any_more_is_not_computed_to_its_end() -> None:
    model = language_model()
    prepared = model.prepare(ClozeRequest(TEXT, (("she", "met"),), None, evidence="hold"))
    n_asked = 0

    def is_wanted() -> bool:
        nonlocal n_asked
        n_asked += 1
        return n_asked <= 5

    with pytest.raises(AbandonedError):
        model.answer([prepared], is_wanted)
    assert n_asked == 6
    assert model.answer([prepared])[0].evidence


def test_a_text_too_long_for_evidence_is_refused_with_the_limit() -> None:
    model = LanguageModel(language_model().bundle, Limits(max_tokens_read=100))
    assert model.cloze("___ met Tom.", evidence="hold").evidence
    with pytest.raises(TooManyError, match="once without each of its 26 tokens") as caught:
        model.cloze("Tom said that " * 5 + "___ " + "was tired " * 4, evidence="hold")
    assert caught.value.param == "evidence"
    n_read = model.prepare(ClozeRequest("Tom said that " * 5 + "___ " + "was tired " * 4)).n_tokens
    assert f"the limit on one question leaves {100 - n_read} for them" in str(caught.value)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (TEXT, {"evidence": "gate"}, "expected one of hold, write, erase"),
    (TEXT, {"evidence": True}, "evidence is True"),
    (TEXT, {"evidence": "hold", "targets": ["he"]}, "got 1 target."),
    (TEXT, {"evidence": "hold", "targets": ["he", "she", "met"]}, "got 3 targets"),
    (TEXT, {"evidence": "hold", "top_k": 3}, "got top_k without targets"),
    ("___ said that ___ left.", {"evidence": "hold"}, "one blank; this one has 2"),
]


@pytest.mark.parametrize(("text", "options", "sentence"), REFUSED)
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_what_is_no_choice_between_two_is_refused(
    text: str, options: dict[str, Any], sentence: str, direction: str
) -> None:
    with pytest.raises(EvidenceError) as caught:
        language_model("lstm", direction).cloze(text, **options)
    assert sentence in str(caught.value)
    assert caught.value.param == "evidence"


@pytest.mark.parametrize("cell", ["mlp", "rnn", "gru"])
@pytest.mark.parametrize("kind", ["write", "erase"])
def test_gates_that_a_cell_does_not_have_are_refused(cell: str, kind: str) -> None:
    with pytest.raises(UnsupportedError, match=f"gate of an LSTM; this network has {cell} cells") as caught:
        language_model(cell).cloze(TEXT, evidence=kind)
    assert caught.value.param == "evidence"


def test_moments_tell_pieces_of_one_blank_and_what_is_left_out() -> None:
    row = moments_of([2, 9, 7, 8, 7, 3], [(2, 4)])
    assert [token_of(moment) for moment in row] == [0, 1, 2, 2, 3, 4]
    assert len(set(row)) == 6  # the same piece at two tokens
    marked = without(row, 3)
    assert [a == b for a, b in zip(row, marked, strict=True)] == [True, True, True, True, False, True]
    assert [token_of(moment) for moment in marked] == [0, 1, 2, 2, 3, 4]


def test_a_gate_edited_on_the_way_stays_edited_where_another_token_is_held() -> None:
    """Two ways to the same number: all layers' states frozen at a token by interventions, and hold."""
    model, targets = language_model("lstm", "bidirectional"), ["he", "she"]
    found = changes(model.cloze(TEXT, targets, evidence="hold"))
    frozen = [
        Intervention(f"layer{layer}.{name}.{state}", "all", (2, 2), freeze=True)
        for layer in range(2)
        for name in model.config.directions
        for state in ("cell_state", "hidden_state")
    ]
    result = model.cloze(TEXT, targets, interventions=frozen)
    assert result.without_interventions is not None

    def odds(blanks: Any) -> float:
        by_target = {p.target: p.log_probability for p in blanks[0].predictions}
        return float(by_target["he"] - by_target["she"])

    assert found[2] == pytest.approx(odds(result.without_interventions) - odds(result.blanks), abs=2 * FLOAT32)
