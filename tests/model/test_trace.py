"""Gate traces against the equations taken step by step: every cell, direction, layer, unit and token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from model.cells import CELL_TYPES, Array
from model.errors import SiteError, TooManyError
from model.language_model import LanguageModel
from model.limits import Limits
from model.sites import all_sites, parse_site
from model.tokenizer import KINDS
from model.trace import Trace, TraceRequest, activations
from tests.model.reference import Reference, language_model, loaded
from tests.tiny import tiny_config, tiny_weights

FLOAT32 = 1e-5
"""Activations are below about 5; the steps of a dozen tokens carry their roundings on."""

EVERYTHING = TraceRequest(units="all")


def traced(
    model: LanguageModel, text: str, targets: Any = None, request: TraceRequest = EVERYTHING, **options: Any
) -> Trace:
    trace = model.cloze(text, targets, trace=request, **options).trace
    assert trace is not None
    return trace


def by_steps(model: LanguageModel, ids: Sequence[int]) -> dict[str, Array]:
    """Every activation (T, H) at every id, in text order, recorded while the equations are taken one by one."""
    reference = Reference(model)
    recorded: dict[str, Array] = {}
    for direction in model.config.directions:
        order = list(ids) if direction == "forward" else list(ids)[::-1]
        rows: dict[str, list[Array]] = {}

        def observe(
            layer: int, time: int, name: str, value: Array, rows: Any = rows, direction: str = direction
        ) -> Array:
            rows.setdefault(f"layer{layer}.{direction}.{name}", []).append(value[0])
            return value

        reference.network.read(direction, np.array([order]), observe=observe)
        for site, values in rows.items():
            recorded[site] = np.stack(values if direction == "forward" else values[::-1])
    return recorded


def columns(ids: Sequence[int], spans: Sequence[tuple[int, int]], direction: str) -> list[int]:
    """Which id each column of a trace shows: of a blank the piece read last."""
    chosen = []
    place = 0
    while place < len(ids):
        end = dict(spans).get(place)
        chosen.append(place if end is None or direction == "backward" else end - 1)
        place = place + 1 if end is None else end
    return chosen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("cell", CELL_TYPES)
def test_a_trace_equals_the_equations_step_by_step(cell: str, direction: str, kind: str) -> None:
    """Also at the blank, whose word is of several pieces (but for the word tokenizer)."""
    model = language_model(cell, direction, kind)
    parts = ["Tom said that ", " was tired."]
    trace = traced(model, "___".join(parts), ["met"])
    ids, spans = Reference(model).read(parts, ["met"])
    assert (spans[0][1] - spans[0][0] > 1) == (kind != "word")
    expected = by_steps(model, ids)
    assert list(trace.sites) == [str(site) for site in all_sites(model.config)] == list(trace.sites)
    assert set(trace.sites) == set(expected)
    for site, shown in trace.sites.items():
        chosen = columns(ids, spans, site.split(".")[1])
        assert shown.units == tuple(range(model.config.hidden_size))
        np.testing.assert_allclose(shown.values, expected[site][chosen], rtol=0, atol=FLOAT32, err_msg=site)
    assert len(trace.tokens) == len(columns(ids, spans, "forward"))


def test_a_blank_of_several_pieces_shows_the_piece_read_last_in_each_direction() -> None:
    """Forward its last piece, backward its first; the other pieces have no column."""
    model = language_model()
    parts = ["Tom said that ", " was tired."]
    ids, [(first, end)] = Reference(model).read(parts, ["met"])
    assert end - first == 2
    expected = by_steps(model, ids)
    trace = traced(model, "___".join(parts), ["met"])
    (place,) = [place for place, token in enumerate(trace.tokens) if token.text == "met"]
    for direction, shown, hidden in (("forward", end - 1, first), ("backward", first, end - 1)):
        values = trace.sites[f"layer1.{direction}.hidden_state"].values[place]
        np.testing.assert_allclose(values, expected[f"layer1.{direction}.hidden_state"][shown], rtol=0, atol=FLOAT32)
        assert np.abs(values - expected[f"layer1.{direction}.hidden_state"][hidden]).max() > 0.01


def test_tokens_stand_in_text_order_with_their_places_in_the_text_as_sent() -> None:
    source = "Zoe\u0308  said: “___ was …”"
    result = language_model().cloze(source, ["herself", "himself"], trace=TraceRequest(units=(0,)))
    assert result.trace is not None
    best = result.blanks[0].predictions[0].filled
    assert [(token.text, token.start, token.end) for token in result.trace.tokens] == [
        ("<s>", 0, 0),
        ("▁", 0, 0),
        ("Z", 0, 1),
        ("o", 1, 2),
        ("e\u0308", 2, 4),
        ("said", 6, 10),
        (":", 10, 11),
        ("“", 12, 13),
        (best, 13, 16),
        ("was", 17, 20),
        (" ", 20, 21),
        ("…", 21, 22),
        ("…", 21, 22),
        ("…", 21, 22),
        ("”", 22, 23),
        ("</s>", 23, 23),
    ]


@pytest.mark.parametrize("targets", [["he"], ["herself"], ["Tomato"], ["he had"]])
@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_do_not_depend_on_the_target(kind: str, targets: list[str]) -> None:
    model = language_model("lstm", "bidirectional", kind)
    shown = [traced(model, 'So "___," said ___ once', one).tokens for one in (targets, ["she"])]
    assert [(t.start, t.end) for t in shown[0]] == [(t.start, t.end) for t in shown[1]]
    assert [t.text for t in shown[0] if (t.start, t.end) in ((4, 7), (15, 18))] == targets * 2


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_the_traced_text_has_its_most_probable_filling(direction: str) -> None:
    """Of all blanks together, not of each by itself."""
    model = language_model("lstm", direction)
    text, lists = "Tom said ___ saw ___.", [["he", "she", "met"], ["him", "her", "Tomato"]]
    result = model.cloze(text, lists, trace=TraceRequest(units=(0,)))
    assert result.trace is not None
    assert result.joint is not None
    blanks = {(blank.start, blank.end) for blank in result.blanks}
    filled = tuple(token.text for token in result.trace.tokens if (token.start, token.end) in blanks)
    assert filled == result.joint[0].filled
    ids, spans = Reference(model).read(["Tom said ", " saw ", "."], filled)
    expected = by_steps(model, ids)["layer0.forward.hidden_state"][columns(ids, spans, "forward"), :1]
    np.testing.assert_allclose(result.trace.sites["layer0.forward.hidden_state"].values, expected, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize(("direction", "context"), [("causal", "both"), ("causal", "left"), ("bidirectional", "both")])
def test_a_trace_of_top_k_is_filled_with_the_best_word_as_it_stands_there(direction: str, context: str) -> None:
    """`she` after a space is another piece than `she` after a quote: the trace has the one that was predicted."""
    weights = dict(tiny_weights(tiny_config("lstm", direction)))
    weights["output.bias"] = weights["output.bias"].copy()
    weights["output.bias"][language_model().tokenizer.pieces.index("▁she")] += 20
    model = loaded("lstm", direction, "subword", weights)
    parts = ["Tom said ", " was"]
    result = model.cloze("___".join(parts), top_k=3, context=context, trace=EVERYTHING)
    assert result.trace is not None
    best = result.blanks[0].predictions[0]
    assert best.pieces == ("▁she",)
    ids, _ = Reference(model).read(parts, [best.filled])
    np.testing.assert_allclose(
        result.trace.sites["layer1.forward.hidden_state"].values,
        by_steps(model, ids)["layer1.forward.hidden_state"],
        rtol=0,
        atol=FLOAT32,
    )


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("kind", KINDS)
def test_traced_and_untraced_predictions_are_the_same(direction: str, kind: str) -> None:
    model = language_model("gru", direction, kind)
    text, lists = "Tom said ___ saw ___.", [["he", "she"], ["him", "her"]]
    plain, watched = model.cloze(text, lists), model.cloze(text, lists, trace=True)
    assert watched.trace is not None
    assert plain.trace is None
    assert (plain.blanks, plain.joint) == (watched.blanks, watched.joint)


def test_sites_and_units_come_as_they_were_asked_for() -> None:
    model = language_model()
    text = "Tom said that ___ was tired."
    everything = traced(model, text)
    sites = ("layer1.backward.cell_state", "layer0.forward.forget_gate")
    some = traced(model, text, request=TraceRequest(sites, (4, 1)))
    assert tuple(some.sites) == sites
    for site in sites:
        assert some.sites[site].units == (4, 1)
        assert (some.sites[site].values == everything.sites[site].values[:, [4, 1]]).all()


def test_a_site_named_twice_comes_once() -> None:
    site = "layer0.forward.forget_gate"
    assert list(traced(language_model(), "so ___", request=TraceRequest((site, site), (0,))).sites) == [site]


@pytest.mark.parametrize("k", [1, 3, 6])
def test_top_k_units_are_those_with_the_largest_max_minus_min_over_the_tokens(k: int) -> None:
    model = language_model()
    text = "Tom said that ___ was tired."
    everything, best = traced(model, text), traced(model, text, request=TraceRequest(units=f"top:{k}"))
    for site, shown in best.sites.items():
        values = everything.sites[site].values
        spread = values.max(axis=0) - values.min(axis=0)
        assert list(shown.units) == sorted(range(6), key=lambda unit: -spread[unit])[:k]
        assert (shown.values == values[:, list(shown.units)]).all()


def test_true_is_the_8_liveliest_units_and_more_than_there_are_is_all() -> None:
    model = language_model()
    text = "Tom said that ___ was tired."
    by_default = model.cloze(text, trace=True).trace
    assert by_default is not None
    for request in (TraceRequest(), TraceRequest(units="top:999999999999")):
        trace = traced(model, text, request=request)
        assert {site: shown.units for site, shown in trace.sites.items()} == {
            site: shown.units for site, shown in by_default.sites.items()
        }
        assert all(sorted(shown.units) == list(range(6)) for shown in trace.sites.values())


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (TraceRequest(("layer9.forward.forget_gate",)), "there is no site 'layer9.forward.forget_gate'"),
        (TraceRequest(("layer0.forward.update_gate",)), "ACTIVATION input_gate, forget_gate"),
        (TraceRequest(()), "the list of sites is empty"),
        (TraceRequest(units=(6,)), "there is no unit 6; the layers have units 0 to 5"),
        (TraceRequest(units=(-1,)), "there is no unit -1"),
        (TraceRequest(units=(1.5,)), "there is no unit 1.5"),  # type: ignore[arg-type]
        (TraceRequest(units=(True,)), "there is no unit True"),
        (TraceRequest(units=()), "expected at least one unit, each once"),
        (TraceRequest(units=(1, 1)), "expected at least one unit, each once"),
        (TraceRequest(units="top"), 'expected numbers, "all", "top:K"'),
        (TraceRequest(units="top:0"), 'expected numbers, "all", "top:K"'),
        (TraceRequest(units="top:-3"), 'expected numbers, "all", "top:K"'),
        (TraceRequest(units="top:³"), 'expected numbers, "all", "top:K"'),
        (TraceRequest(units="some"), "units is 'some'"),
    ],
)
def test_a_trace_that_cannot_be_is_refused_with_what_can(request_: TraceRequest, said: str) -> None:
    with pytest.raises(SiteError) as refused:
        language_model().cloze("so ___", trace=request_)
    assert said in str(refused.value)
    assert (refused.value.code, refused.value.param) == ("invalid_trace", "trace")


def test_a_causal_network_has_no_backward_sites() -> None:
    with pytest.raises(SiteError, match="DIRECTION forward,"):
        language_model("gru", "causal").cloze("so ___", trace=TraceRequest(("layer0.backward.reset_gate",)))


def test_a_trace_larger_than_the_limit_is_refused_with_its_size() -> None:
    limits = Limits(max_trace_values=100)
    model = loaded("lstm", "bidirectional", "subword", tiny_weights(tiny_config()), limits)
    with pytest.raises(
        TooManyError, match=r"1,296 values \(9 tokens x 6 units x 24 sites\); the limit is 100"
    ) as refused:
        model.cloze("Tom said that ___ was tired.", trace=EVERYTHING)
    assert refused.value.param == "trace"


def test_units_are_told_apart_by_their_own_values_not_by_their_neighbours() -> None:
    """Two gates exchanged would show: every site of a layer has values of its own."""
    trace = traced(language_model(), "Tom said that ___ was tired.")
    values = [shown.values for shown in trace.sites.values()]
    assert all(np.abs(a - b).max() > 0.01 for n, a in enumerate(values) for b in values[:n])


def test_gates_of_one_layer_follow_from_its_inputs_and_hidden_states() -> None:
    """One unit, two moments, by hand: an LSTM's forget gate and the running sum that is its cell state."""
    config = tiny_config("lstm", "causal", n_layers=1, hidden_size=1, embedding_size=1)
    weights = {name: w.astype(np.float64) for name, w in tiny_weights(config).items()}
    prefix = "layer0.forward."
    (w,), b = weights[prefix + "input_weight"].T, weights[prefix + "input_bias"]
    (u,), d = weights[prefix + "recurrent_weight"].T, weights[prefix + "recurrent_bias"]
    x = [0.5, -1.0]

    def sigma(v: float) -> float:
        return float(1 / (1 + np.exp(-v)))

    h, c, rows = 0.0, 0.0, []
    for value in x:
        pre = w * value + b + u * h + d
        f = sigma(pre[1])
        c = f * c + sigma(pre[0]) * np.tanh(pre[2])
        h = sigma(pre[3]) * np.tanh(c)
        rows.append((f, c, h))
    got = activations("lstm", weights, prefix, np.array(x)[:, None], np.array([[row[2]] for row in rows]))
    np.testing.assert_allclose(got["forget_gate"][:, 0], [row[0] for row in rows], rtol=0, atol=1e-12)
    np.testing.assert_allclose(got["cell_state"][:, 0], [row[1] for row in rows], rtol=0, atol=1e-12)


def test_a_trace_survives_json() -> None:
    model = language_model("gru", "causal")
    trace = traced(model, "so ___", ["she"], TraceRequest(("layer0.forward.update_gate",), (2, 0)))
    reply = json.loads(json.dumps(trace.to_dict()))
    assert reply["tokens"][3] == {"text": "she", "start": 3, "end": 6}
    site = reply["sites"]["layer0.forward.update_gate"]
    assert site["units"] == [2, 0]
    assert np.array(site["values"]).shape == (len(reply["tokens"]), 2)
    np.testing.assert_array_equal(
        np.array(site["values"], np.float32), trace.sites["layer0.forward.update_gate"].values
    )
    assert parse_site("layer0.forward.update_gate", model.config)
