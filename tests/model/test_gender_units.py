"""The ranking of units by gender: what a bundle may hold, what traces make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model.bundle import read_bundle
from model.errors import BundleContentError, SiteError
from model.language_model import LanguageModel
from model.trace import TraceRequest
from tests.model.reference import language_model, loaded
from tests.tiny import tiny_bundle, tiny_config, tiny_weights

RANKING = {"layer0.forward": [{"unit": 4}, {"unit": 0}, {"unit": 5}], "layer1.backward": [{"unit": 2, "auc": 0.9}]}
TEXT = "Tom said that ___ was tired."


def ranked(ranking: Any = None) -> LanguageModel:
    weights = tiny_weights(tiny_config())
    return loaded("lstm", "bidirectional", "subword", weights, gender_units={"ranking": ranking or RANKING})


@pytest.mark.parametrize(("k", "units"), [(1, (4,)), (2, (4, 0)), (8, (4, 0, 5)), (999999999999, (4, 0, 5))])
def test_gender_k_are_the_first_k_of_the_ranking_at_the_site_s_layer_and_direction(k: int, units: Any) -> None:
    sites = ("layer0.forward.forget_gate", "layer0.forward.cell_state", "layer1.backward.input_gate")
    trace = ranked().cloze(TEXT, trace=TraceRequest(sites, f"gender:{k}")).trace
    everything = ranked().cloze(TEXT, trace=TraceRequest(sites, "all")).trace
    assert trace is not None
    assert everything is not None
    assert [trace.sites[site].units for site in sites] == [units, units, (2,)]
    for site in sites:
        expected = everything.sites[site].values[:, list(trace.sites[site].units)]
        assert (trace.sites[site].values == expected).all()


def test_a_bundle_without_a_ranking_says_how_to_write_one() -> None:
    request = TraceRequest(("layer0.forward.forget_gate",), "gender:8")
    with pytest.raises(SiteError, match=r"units of layer0\.forward by gender \(it has none\)") as refused:
        language_model().cloze(TEXT, trace=request)
    assert "anaphora units BUNDLE --record" in str(refused.value)
    assert (refused.value.code, refused.value.param) == ("invalid_trace", "trace")


def test_a_ranking_of_other_layers_is_named() -> None:
    with pytest.raises(SiteError, match=r"it has one of layer0\.forward, layer1\.backward alone"):
        ranked().cloze(TEXT, trace=TraceRequest(("layer1.forward.forget_gate",), "gender:8"))


@pytest.mark.parametrize("units", ["gender", "gender:", "gender:0", "gender:x", "sex:8"])
def test_units_that_are_no_ranking_are_refused_with_what_can_be(units: str) -> None:
    with pytest.raises(SiteError, match='"gender:K" such as "gender:8"'):
        ranked().cloze(TEXT, trace=TraceRequest(units=units))


def test_a_bundle_on_disk_carries_its_ranking(tmp_path: Path) -> None:
    assert read_bundle(tiny_bundle(tmp_path / "without")).gender_units == {}
    bundle = read_bundle(tiny_bundle(tmp_path / "with", gender_units={"ranking": RANKING}))
    assert bundle.gender_units == {"layer0.forward": (4, 0, 5), "layer1.backward": (2,)}


@pytest.mark.parametrize(
    "entry",
    [
        [],
        "all",
        {},
        {"ranking": []},
        {"ranking": {"layer9.forward": [{"unit": 0}]}},
        {"ranking": {"layer0.forward": []}},
        {"ranking": {"layer0.forward": {"unit": 0}}},
        {"ranking": {"layer0.forward": [{"unit": 6}]}},
        {"ranking": {"layer0.forward": [{"unit": -1}]}},
        {"ranking": {"layer0.forward": [{"unit": True}]}},
        {"ranking": {"layer0.forward": [{"unit": 1.0}]}},
        {"ranking": {"layer0.forward": [{"unit": 1}, {"unit": 1}]}},
        {"ranking": {"layer0.forward": [{"number": 1}]}},
    ],
)
def test_an_impossible_ranking_fails_when_the_bundle_is_loaded(tmp_path: Path, entry: Any) -> None:
    folder = tiny_bundle(tmp_path / "damaged", gender_units=entry)
    assert json.loads((folder / "bundle.json").read_text(encoding="utf-8"))["gender_units"] == entry
    with pytest.raises(BundleContentError, match="gender_units"):
        read_bundle(folder)
