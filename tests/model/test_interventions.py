"""Edits: the NumPy equations against torch, every cell, site and way of editing; and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from model import equations
from model.blanks import BlankedText
from model.cells import CELL_TYPES, sigmoid
from model.cloze import ClozeRequest, ClozeResult
from model.equations import EquationsReader
from model.errors import InterventionError, RequestError, TooManyError
from model.interventions import Intervention, check_interventions, parse_intervention
from model.language_model import LanguageModel
from model.limits import Limits
from model.moments import moments_of
from model.sites import all_sites
from model.structure import RecurrentNetwork
from model.trace import TraceRequest
from tests.model.edited import Edit, EditedReference, asked
from tests.model.reference import FLOAT32, language_model, loaded
from tests.tiny import tiny_config, tiny_weights

TEXT = "Tom said that ___ was tired."
PARTS = ["Tom said that ", " was tired."]
N_TOKENS = 9
HELD = "layer1.forward.hidden_state"


def scores(result: ClozeResult, blank: int = 0) -> dict[str, float]:
    return {p.target: p.log_probability for p in result.blanks[blank].predictions}


def random_edit(site: str, what: str, random: np.random.Generator, n_tokens: int = N_TOKENS) -> Edit:
    units = sorted(random.choice(6, size=random.integers(1, 5), replace=False).tolist())
    first, last = sorted(random.integers(0, n_tokens, 2).tolist())
    return site, units, (first, last), what, float(random.uniform(-1.5, 1.5))


@pytest.mark.parametrize("what", ["set", "scale", "freeze"])
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("cell", CELL_TYPES)
def test_an_edit_of_any_site_is_the_one_that_torch_computes(cell: str, direction: str, what: str) -> None:
    """Also in its trace, and with a target of two pieces (met), both of which are the blank's token."""
    model = language_model(cell, direction)
    random = np.random.default_rng(7)
    n_changed = 0
    for site in map(str, all_sites(model.config)):
        edit = random_edit(site, what, random)
        result = model.cloze(TEXT, ["he", "met"], interventions=asked([edit]), trace=TraceRequest(units="all"))
        reference = EditedReference(model, [edit])
        for target, score in scores(result).items():
            assert score == pytest.approx(reference.score(PARTS, [target]), abs=FLOAT32), edit
        n_changed += result.blanks != result.without_interventions
        assert result.trace is not None
        ids, spans = reference.read(PARTS, [result.blanks[0].predictions[0].filled])
        (first, end) = spans[0]
        for name, shown in result.trace.sites.items():
            own = name.split(".")[1]
            rows = [*range(first), end - 1 if own == "forward" else first, *range(end, len(ids))]
            np.testing.assert_allclose(shown.values, reference._rows[own][name][rows], rtol=0, atol=FLOAT32)
    assert n_changed > 0


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
@pytest.mark.parametrize("context", ["both", "left"])
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_several_edits_of_several_blanks_are_made_in_the_order_given(direction: str, context: str, kind: str) -> None:
    """Two edits of one value do not commute; marginals and joint come from the edited scores."""
    model = language_model("lstm", direction, kind)
    n_tokens = len(model.tokenizer.encode_ids("Tom said saw .")) + 4
    tokens = (1, n_tokens - 3)
    edits: list[Edit] = [
        ("layer0.forward.cell_state", [0, 1, 2], tokens, "set", 0.7),
        ("layer0.forward.cell_state", [1, 2, 3], tokens, "scale", -0.5),
        ("layer1.forward.output_gate", [0, 4], (2, 2), "freeze", 0.0),
        (f"layer1.{'backward' if direction == 'bidirectional' else 'forward'}.hidden_state", [5], tokens, "set", -1.0),
    ]
    text, parts, lists = (
        "Tom said ___ saw ___.",
        ["Tom said ", " saw ", "."],
        [["he", "she met"], ["him", "her", "met"]],
    )
    result = model.cloze(text, lists, context=context, interventions=asked(edits))
    reference = EditedReference(model, edits)
    ways = [(one, other) for one in lists[0] for other in lists[1]]
    values = np.array([reference.score(parts, way, context) for way in ways])
    shares = np.exp(values - np.logaddexp.reduce(values))
    assert result.joint is not None
    assert result.without_interventions is not None
    for entry in result.joint:
        assert entry.probability == pytest.approx(shares[ways.index(entry.filled)], abs=FLOAT32)
    for blank in (0, 1):
        for target, score in scores(result, blank).items():
            own = [value for way, value in zip(ways, values, strict=True) if way[blank] == target]
            assert score == pytest.approx(np.logaddexp.reduce(own), abs=FLOAT32)
    before = model.cloze(text, lists, context=context)
    for old, new in zip(before.blanks, result.without_interventions, strict=True):
        expected = {p.target: p.log_probability for p in old.predictions}
        for prediction in new.predictions:
            assert prediction.log_probability == pytest.approx(expected[prediction.target], abs=FLOAT32)
    swapped = asked([edits[1], edits[0], *edits[2:]])
    assert model.cloze(text, lists, context=context, interventions=swapped).joint != result.joint


@pytest.mark.parametrize(("direction", "context"), [("bidirectional", "both"), ("causal", "left"), ("causal", "both")])
def test_the_best_of_all_words_are_those_of_the_edited_network(direction: str, context: str) -> None:
    model = language_model("gru", direction)
    edit: Edit = ("layer1.forward.hidden_state", [0, 1, 2, 3], (1, 3), "set", 0.9)
    result = model.cloze(TEXT, top_k=5, context=context, interventions=asked([edit]))
    plain = model.cloze(TEXT, top_k=5, context=context)
    assert [p.target for p in result.blanks[0].predictions] != [p.target for p in plain.blanks[0].predictions]
    assert result.without_interventions is not None
    before = result.without_interventions[0].predictions
    assert [p.target for p in before[:5]] == [p.target for p in plain.blanks[0].predictions]
    every = {p.filled: p for p in model.cloze(TEXT, top_k=50, context=context).blanks[0].predictions}
    new = {p.filled for p in result.blanks[0].predictions} - {p.filled for p in before[:5]}
    assert new and {p.filled for p in before[5:]} == new  # those that came in by the edit stand with what they were
    for prediction in before:
        assert prediction.probability == pytest.approx(every[prediction.filled].probability, abs=FLOAT32)
    if context == "left" or direction == "bidirectional":
        reference = EditedReference(model, [edit])
        best = result.blanks[0].predictions[0]
        assert best.log_probability == pytest.approx(reference.score(PARTS, [best.filled], context), abs=FLOAT32)


@pytest.mark.parametrize(
    ("cell", "edits"),
    [
        ("gru", ["layer0.forward.update_gate:all:0-6:set=1e6"]),
        ("gru", ["layer0.forward.update_gate:all:0-6:set=1e6", "layer0.forward.reset_gate:all:0-6:set=-1e6"]),
        ("lstm", ["layer0.forward.forget_gate:all:0-5:set=1e6", "layer0.forward.forget_gate:all:6:set=0"]),
        ("lstm", ["layer1.forward.input_gate:all:0-6:set=1e6", "layer1.forward.output_gate:all:0-6:scale=1e6"]),
    ],
)
def test_states_that_grow_through_edited_gates_stay_numbers(cell: str, edits: list[str]) -> None:
    model = language_model(cell, "bidirectional")
    text = "Tom said Mary said Tom said Mary said ___ was"
    everything = TraceRequest(units="all")
    result = model.cloze(text, interventions=[parse_intervention(edit) for edit in edits], trace=everything)
    probabilities = [prediction.probability for prediction in result.blanks[0].predictions]
    assert np.isfinite(probabilities).all() and sum(probabilities) == pytest.approx(1)
    assert result.trace is not None
    for site in result.trace.sites.values():
        assert np.abs(site.values).max() <= 1e6 * (1 + 1e-6)


@pytest.mark.parametrize("cell", CELL_TYPES)
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_an_edit_that_changes_nothing_gives_the_same_numbers_bit_for_bit(cell: str, direction: str) -> None:
    """Scaled by 1; or set to the value it had, one unit and token at a time, as a trace in the same call tells it (of
    one target: what a causal network reads after the blank, and so its values, depend on the word)."""
    model = language_model(cell, direction)
    for site in map(str, all_sites(model.config)):
        everything = TraceRequest(sites=(site,), units="all")
        same = (Intervention(site, "all", (0, N_TOKENS - 1), scale=1.0),)
        assert (both := model.cloze(TEXT, interventions=same)).blanks == both.without_interventions
        result = model.cloze(TEXT, ["he"], interventions=same, trace=everything)
        assert result.blanks == result.without_interventions
        assert result.trace is not None
        values = result.trace.sites[site].values
        as_it_was = tuple(
            Intervention(site, (unit,), (token, token), set=float(values[token, unit]))
            for unit in (0, 3)
            for token in range(N_TOKENS)
        )
        again = model.cloze(TEXT, ["he"], interventions=as_it_was, trace=everything)
        assert again.blanks == again.without_interventions == result.blanks
        assert again.trace is not None
        np.testing.assert_array_equal(again.trace.sites[site].values, values)


def test_the_edits_of_a_one_unit_lstm_worked_out_by_hand() -> None:
    """Two steps of x = 1 with all weights 1 and no bias: every gate is sigmoid(1 + h), the candidate tanh(1 + h)."""
    config = tiny_config("lstm", "causal", n_layers=1, hidden_size=1, embedding_size=1)
    weights = {name: np.zeros_like(w) for name, w in tiny_weights(config).items()}
    for name in ("embedding", "layer0.forward.input_weight", "layer0.forward.recurrent_weight"):
        weights[name] = np.ones_like(weights[name])
    network = RecurrentNetwork(config, weights)
    row = moments_of([2, 5], [])

    def last_state(**edit: Any) -> tuple[float, float]:
        edits = check_interventions([Intervention(tokens=(1, 1), units=(0,), **edit)], config, 2, 1)
        read = EquationsReader(network, edits).activations("forward", row)
        return tuple(float(read[site][1, 0]) for site in all_sites(config)[-2:])  # type: ignore[return-value]

    gate, candidate = float(sigmoid(np.float64(1))), math.tanh(1)
    c1 = gate * candidate
    h1 = gate * math.tanh(c1)
    gate2, candidate2 = float(sigmoid(np.float64(1 + h1))), math.tanh(1 + h1)
    c2 = gate2 * c1 + gate2 * candidate2
    for edit, c, h in (
        ({"site": "layer0.forward.forget_gate", "set": 0.0}, gate2 * candidate2, None),
        ({"site": "layer0.forward.input_gate", "scale": 0.5}, gate2 * c1 + 0.5 * gate2 * candidate2, None),
        ({"site": "layer0.forward.cell_candidate", "freeze": True}, gate2 * c1 + gate2 * candidate, None),
        ({"site": "layer0.forward.cell_state", "set": -2.0}, -2.0, gate2 * math.tanh(-2.0)),
        ({"site": "layer0.forward.hidden_state", "freeze": True}, c2, h1),
    ):
        expected = (c, gate2 * math.tanh(c) if h is None else h)
        assert last_state(**edit) == pytest.approx(expected, abs=1e-6)


def test_an_edited_hidden_state_is_what_passes_upward_and_onward() -> None:
    """With the lower layer's state set to 0 everywhere, the upper layer reads zeros and the lower remembers none."""
    model = language_model("rnn", "causal")
    edit = Intervention("layer0.forward.hidden_state", "all", (0, N_TOKENS - 1), set=0.0)
    trace = model.cloze(TEXT, interventions=[edit], trace=TraceRequest(units="all")).trace
    assert trace is not None
    assert not trace.sites["layer0.forward.hidden_state"].values.any()
    w = model.bundle.weights
    h = np.zeros(6)
    for token in range(N_TOKENS):
        bias = w["layer1.forward.input_bias"] + w["layer1.forward.recurrent_bias"]
        h = np.tanh(bias + w["layer1.forward.recurrent_weight"] @ h)
        np.testing.assert_allclose(trace.sites["layer1.forward.hidden_state"].values[token], h, rtol=0, atol=FLOAT32)


def test_only_the_first_tokens_of_either_direction_have_no_value_to_keep() -> None:
    """A gate frozen there stays as it is, a state at 0."""
    model = language_model("gru")
    last = N_TOKENS - 1
    for name, token in (("forward", 0), ("backward", last)):
        for activation, expected in (("update_gate", None), ("hidden_state", 0.0)):
            site = f"layer0.{name}.{activation}"
            shown = TraceRequest(sites=(site,), units="all")
            free = model.cloze(TEXT, trace=shown).trace
            held = model.cloze(
                TEXT, trace=shown, interventions=[Intervention(site, "all", (token, token), freeze=True)]
            ).trace
            assert free is not None
            assert held is not None
            wanted = free.sites[site].values[token] if expected is None else np.zeros(6)
            np.testing.assert_allclose(held.sites[site].values[token], wanted, rtol=0, atol=FLOAT32)


def test_texts_in_one_batch_do_not_change_each_other() -> None:
    model = language_model()
    texts = [TEXT, "Anna said that ___ was at home.", "Tom said that ___ was tired and ___ left."]
    edits = [Intervention("layer1.forward.cell_state", (0, 1), (2, 3), set=1.0)]
    for text, together in zip(texts, model.cloze_batch(texts, interventions=edits), strict=True):
        alone = model.cloze(text, interventions=edits)
        for blank in range(len(alone.blanks)):
            assert scores(together, blank) == pytest.approx(scores(alone, blank), abs=1e-5)
    mixed = model.answer(
        [
            model.prepare(ClozeRequest(text, interventions=tuple(own)))
            for text, own in zip(texts, (edits, ()), strict=False)
        ]
    )
    assert mixed[0].without_interventions is not None
    assert mixed[1].without_interventions is None
    assert scores(mixed[1]) == pytest.approx(scores(model.cloze(texts[1])), abs=1e-5)


def test_many_rows_are_read_in_parts_with_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    model = language_model("lstm", "causal")
    targets = ["he", "she", "him", "her", "met", "Tom", "Anna", "tired"]
    edits = [Intervention("layer0.forward.forget_gate", (0, 1), (2, 6), freeze=True)]
    whole = model.cloze(TEXT, targets, interventions=edits)
    monkeypatch.setattr(equations, "STEP_ROWS", 3)
    cut = model.cloze(TEXT, targets, interventions=edits)
    assert scores(cut) == pytest.approx(scores(whole), abs=1e-5)


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_the_wildest_edits_overflow_nothing(cell: str) -> None:
    model = language_model(cell)
    edits = [
        Intervention(str(site), "all", (0, N_TOKENS - 1), **{what: number})  # type: ignore[arg-type]
        for site in all_sites(model.config)
        for what, number in (("scale", -1e6), ("set", 1e6), ("scale", 1e6))
    ]
    result = model.cloze(TEXT, interventions=edits[:64])
    assert all(math.isfinite(p.log_probability) for p in result.blanks[0].predictions)


NONE_EDITED = Intervention("layer0.forward.hidden_state", (0,), (1, 1), set=0.0)
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"site": "layer2.forward.hidden_state"}, "there is no site 'layer2.forward.hidden_state'"),
    ({"site": "layer0.forward.update_gate"}, "ACTIVATION input_gate, forget_gate"),
    ({"units": ()}, "expected one or more"),
    ({"units": (1, 1)}, "each once"),
    ({"units": (6,)}, "units 0 to 5"),
    ({"units": (-1,)}, "units 0 to 5"),
    ({"units": (True,)}, "no unit True"),
    ({"units": "top:8"}, 'numbers of units, or "all"'),
    ({"tokens": (3, 2)}, "tokens is [3, 2]"),
    ({"tokens": (-1, 2)}, "tokens is [-1, 2]"),
    ({"tokens": (0, 9)}, "tokens 0 (<s>) to 8 (</s>)"),
    ({"tokens": (0.0, 1)}, "tokens is [0.0, 1]"),
    ({"set": None}, "got none of them"),
    ({"scale": 2.0}, "got 2 of them"),
    ({"freeze": True}, "got 2 of them"),
    ({"set": float("nan")}, "set is nan"),
    ({"set": 2e6}, "from -1,000,000 to 1,000,000"),
    ({"set": None, "scale": float("-inf")}, "scale is -inf"),
]


@pytest.mark.parametrize(("wrong", "sentence"), REFUSED)
def test_an_edit_that_is_not_possible_is_refused_by_its_number(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InterventionError) as caught:
        language_model().cloze(TEXT, interventions=[NONE_EDITED, Intervention(**(vars(NONE_EDITED) | wrong))])
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("interventions[1]: ")
    assert caught.value.param == "interventions[1]"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "layer0.forward.forget_gate:3,17:1-4:set=0",
            Intervention("layer0.forward.forget_gate", (3, 17), (1, 4), set=0.0),
        ),
        ("s:all:2:scale=-0.5", Intervention("s", "all", (2, 2), scale=-0.5)),
        ("s:0-2,9:0-0:freeze", Intervention("s", (0, 1, 2, 9), (0, 0), freeze=True)),
    ],
)
def test_an_edit_can_be_written_in_one_word(words: str, expected: Intervention) -> None:
    assert parse_intervention(words) == expected


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("s:1:2", "should be SITE:UNITS:FIRST-LAST"),
        (":1:2:freeze", "should be SITE:UNITS:FIRST-LAST"),
        ("s:1:2:melt", "should end in set=NUMBER"),
        ("s:1:2:freeze=1", "should end in set=NUMBER"),
        ("s:1:2:set=", "'' in .* should be a number"),
        ("s:1:2:set=x", "'x' in .* should be a number"),
        ("s:x:2:freeze", "'x' in .* should be numbers"),
        ("s:1,:2:freeze", "'' in .* should be numbers"),
        ("s:1:-2:freeze", "'-2' in .* should be numbers"),
        ("s:1:2-:freeze", "'2-' in .* should be numbers"),
        ("s:1:4-2:freeze", "runs backwards"),
        ("s:٣:2:freeze", "should be numbers"),
        ("s:99999999:2:freeze", "should be numbers"),
    ],
)
def test_a_word_that_is_no_edit_says_what_was_expected(words: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_intervention(words)


def test_limits_of_edits_are_stated() -> None:
    config = tiny_config()
    model = loaded("lstm", "bidirectional", "subword", tiny_weights(config), Limits(max_interventions=2))
    with pytest.raises(TooManyError, match="3 interventions in one request; the limit is 2"):
        model.cloze(TEXT, interventions=[NONE_EDITED] * 3)
    once = LanguageModel(model.bundle, Limits(max_tokens_read=10))
    assert once.cloze(TEXT).blanks
    with pytest.raises(RequestError, match=r"read 16 tokens.*the limit is 10"):  # before and after
        once.cloze(TEXT, interventions=[NONE_EDITED])


# ---------------------------------------------------------------------------------------------- edits without effect


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
@pytest.mark.parametrize("context", ["both", "left"])
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_an_edit_is_warned_of_exactly_where_no_answer_can_depend_on_it(direction: str, context: str, kind: str) -> None:
    """Every token, read forward and backward, the hidden state of the top layer set far away."""
    model = language_model("lstm", direction, kind)
    n_tokens = BlankedText("Tom said ___ was.", model.tokenizer).n_tokens
    for way in ("forward", "backward")[: 1 + (direction == "bidirectional")]:
        for token in range(n_tokens):
            edits = asked([(f"layer1.{way}.hidden_state", [0, 1, 2, 3, 4, 5], (token, token), "set", 3.0)])
            result = model.cloze("Tom said ___ was.", ["he", "met"], context=context, interventions=edits)
            changes = result.blanks != result.without_interventions
            assert changes != bool([w for w in result.warnings if w.type == "unread_edit"]), (way, token)


def test_the_warning_of_an_unread_edit_says_which_and_why() -> None:
    model = language_model("lstm", "bidirectional")
    late: Edit = (HELD, [0], (6, 7), "set", 1.0)
    early: Edit = ("layer0.backward.forget_gate", [0], (0, 1), "set", 1.0)
    result = model.cloze(TEXT, interventions=asked([late, early]))
    assert [(w.type, TEXT[w.start : w.end]) for w in result.warnings] == [("unread_edit", "___")] * 2
    assert [w.message for w in result.warnings] == [
        "interventions[0], of layer1.forward.hidden_state, tokens 6 to 7, changes no answer: "
        "what is read forward for the answer is tokens 0 to 3.",
        "interventions[1], of layer0.backward.forget_gate, tokens 0 to 1, changes no answer: "
        "what is read backward for the answer is tokens 5 to 8.",
    ]
    left = model.cloze(TEXT, context="left", interventions=asked([early]))
    assert left.warnings[0].message.endswith("changes no answer: with context 'left' nothing is read backward.")
