"""The picture of a trace: whole in itself, true to the values, and deaf to what a text tries to tell the browser."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from model import load
from model.cells import CELL_TYPES
from model.cloze import ClozeResult
from model.interventions import Intervention, parse_intervention
from model.language_model import LanguageModel
from model.picture import ACTIVATIONS, WARNINGS_SHOWN, picture
from model.sites import all_sites
from model.trace import TraceRequest
from tests.tiny import tiny_bundle

TEXT = "Mary packed her bag because ___ was leaving."
LITTLE = TraceRequest(("layer0.forward.hidden_state",), "top:2")
HOSTILE = (
    """<script>alert(1)</script> "quoted' <img src=x onerror=alert(2)> ___ said & </h1></style> so\u202e \udcff\x07"""
)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def lstm(bundles: Path) -> LanguageModel:
    return load(tiny_bundle(bundles / "lstm"))


class Page(HTMLParser):
    """Elements with their attributes, and the text in each kind of element."""

    VOID = frozenset({"meta", "rect", "path"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._data: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.texts = {tag: ["".join(parts) for parts in texts] for tag, texts in self._data.items()}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
            self._data.setdefault(tag, []).append([])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "elements must close in the order they opened"

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self._data[tag][-1].append(data)


def drawn(
    result: ClozeResult,
    language_model: LanguageModel,
    context: str = "both",
    interventions: Sequence[Intervention] = (),
) -> str:
    name, sha256 = language_model.name, language_model.sha256
    return picture(result, name, sha256, language_model.config, context, interventions)


def table_of(page: str, site: str) -> list[list[str]]:
    """The cells of a site's table, row by row."""
    table = page.partition(f"<summary>{site} as a table</summary>")[2].partition("</table>")[0]
    return [
        re.findall(r"<t[hd][^>]*>(?:<bdi>)?(.*?)(?:</bdi>)?</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", table)
    ]


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_structure_comes_first_then_a_panel_for_each_site_in_the_order_of_computing(cell: str, bundles: Path) -> None:
    language_model = load(tiny_bundle(bundles / f"{cell}-order", cell=cell))
    page = drawn(language_model.cloze(TEXT, trace=True), language_model)
    sites = re.findall(r"<summary>(\S+) as a table", page)
    assert sites == [str(site) for site in all_sites(language_model.config)]
    assert page.index("<h1") < page.index("The structure: 2 layers") < page.index(sites[0])


def test_every_activation_of_every_cell_is_explained() -> None:
    assert set(ACTIVATIONS) == {name for cell in CELL_TYPES.values() for name in cell.activations}


def test_the_tables_hold_the_traced_values_units_down_and_tokens_across(lstm: LanguageModel) -> None:
    result = lstm.cloze(TEXT, trace=True)
    assert result.trace is not None
    page = drawn(result, lstm)
    for name, site in result.trace.sites.items():
        head, *rows = table_of(page, name)
        assert head[0] == "unit"
        assert len(head) == 1 + len(result.trace.tokens)
        assert [int(row[0]) for row in rows] == list(site.units)
        assert [[float(cell) for cell in row[1:]] for row in rows] == [
            [pytest.approx(value, abs=0.0006) for value in column] for column in site.values.T.tolist()
        ]


def test_gates_have_a_scale_from_0_candidates_from_minus_1_and_the_cell_state_its_own(lstm: LanguageModel) -> None:
    result = lstm.cloze(TEXT, trace=True)
    assert result.trace is not None
    page = drawn(result, lstm)
    scales = dict(re.findall(r"<h3>([a-z ]+) \w</h3>\n.*?Scale (\S+?)<svg", page)[:6])
    largest = abs(result.trace.sites["layer0.forward.cell_state"].values).max()
    assert float(scales.pop("cell state")) == pytest.approx(-largest, rel=0.01)
    assert scales == {
        "input gate": "0",
        "forget gate": "0",
        "cell candidate": "-1",
        "output gate": "0",
        "hidden state": "-1",
    }


def test_the_predictions_stand_above_as_bars_with_their_percentages(lstm: LanguageModel) -> None:
    result = lstm.cloze(TEXT, trace=LITTLE)
    page = drawn(result, lstm)
    shares = [prediction.probability for prediction in result.blanks[0].predictions]
    assert [float(p) for p in re.findall(r"<td>([\d.]+) %</td>", page)] == [
        pytest.approx(100 * p, abs=0.06) for p in shares
    ]
    widths = [float(width) for width in re.findall(r'<rect width="([\d.]+)" height="10"/>', page)]
    assert widths == [pytest.approx(1000 * share, abs=0.06) for share in shares]
    assert f"because <mark>{result.blanks[0].predictions[0].filled}</mark> was leaving." in page


def test_several_blanks_show_the_most_probable_filling_of_all_together(lstm: LanguageModel) -> None:
    result = lstm.cloze("Tom lost ___ hat, so ___ left.", [["his", "her"], ["he", "she"]], trace=LITTLE)
    assert result.joint is not None
    page = Page(drawn(result, lstm))
    assert page.texts["mark"] == list(result.joint[0].filled)
    assert page.texts["caption"] == ["blank 1", "blank 2", "all blanks together (pseudo-likelihood)"]
    labels = [attributes for tag, attributes in page.elements if tag == "text" and attributes["class"] == "token blank"]
    assert len({label["x"] for label in labels}) == 2


def test_edits_are_told_below_the_sentence_and_none_where_there_are_none(lstm: LanguageModel) -> None:
    edit = parse_intervention("layer0.forward.forget_gate:0-2:1-4:set=0.25")
    result = lstm.cloze(TEXT, trace=LITTLE, interventions=[edit])
    page = Page(drawn(result, lstm, interventions=[edit]))
    assert "Read with the network edited:" in page.texts["p"]
    assert result.trace is not None
    first, last = (f"“\u2068{result.trace.tokens[token].text.strip()}\u2069”" for token in (1, 4))
    assert page.texts["li"] == [
        f"layer0.forward.forget_gate, units 0 to 2, at {first} to {last} (tokens 1 to 4): set to 0.25"
    ]
    assert "li" not in Page(drawn(lstm.cloze(TEXT, trace=LITTLE), lstm)).texts


def test_nothing_in_an_edits_tokens_becomes_an_element(lstm: LanguageModel) -> None:
    n_tokens = len(lstm.cloze(HOSTILE, trace=LITTLE).trace.tokens)  # type: ignore[union-attr]
    edits = [Intervention("layer0.forward.hidden_state", "all", (at, at), scale=0.5) for at in range(n_tokens)]
    for some in (edits[at : at + 5] for at in range(0, n_tokens, 5)):
        page = drawn(lstm.cloze(HOSTILE, trace=LITTLE, interventions=some), lstm, interventions=some)
        assert not {"img", "script"} & {tag for tag, _ in Page(page.partition("<main")[0]).elements}
        assert not set(page) & set("\u202e\udcff\x07")


def test_nothing_in_a_text_becomes_an_element_or_an_attribute(lstm: LanguageModel) -> None:
    page = drawn(lstm.cloze(HOSTILE, trace=LITTLE), lstm)
    parsed = Page(page)
    assert [tag for tag, _ in parsed.elements].count("script") == 1
    assert "img" not in {tag for tag, _ in parsed.elements}
    assert not {name for _, attributes in parsed.elements for name in attributes if name.startswith("on")}
    assert "<script>alert(1)</script>" in parsed.texts["h1"][0]
    assert not set(page) & set("\u202e\udcff\x07")
    page.encode("utf-8")


def test_nothing_is_asked_from_outside_and_the_policy_forbids_it(lstm: LanguageModel) -> None:
    page = drawn(lstm.cloze(TEXT, trace=LITTLE), lstm)
    parsed = Page(page)
    attributes = {name for _, attributes in parsed.elements for name in attributes}
    assert not attributes & {"src", "href", "srcset", "action", "style", "xlink:href"}
    assert "url(" not in page
    assert "@import" not in page
    policy = next(a["content"] for tag, a in parsed.elements if tag == "meta" and "http-equiv" in a) or ""
    assert policy.startswith("default-src 'none';")
    for tag in ("style", "script"):
        (text,) = parsed.texts[tag]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_right_to_left_and_emoji_tokens_are_labels_as_they_are(bundles: Path) -> None:
    language_model = load(tiny_bundle(bundles / "words", kind="word", cell="rnn"))
    page = Page(drawn(language_model.cloze("שלום 🎩 ___ said", trace=LITTLE), language_model))
    assert {"שלום", "🎩"} <= set(page.texts["text"])
    assert ("h1", {"dir": "auto"}) in page.elements


def test_warnings_are_shown_each_once_and_not_without_end(lstm: LanguageModel) -> None:
    once = Page(drawn(lstm.cloze("🎩 🎩 ___ said", trace=LITTLE), lstm))
    assert [text for text in once.texts["p"] if "unknown" in text] == ["'🎩' is unknown to this model."]
    many = drawn(lstm.cloze("αβγδεζηθ ___ said", trace=LITTLE), lstm)
    assert many.count("is unknown to this model") == WARNINGS_SHOWN
    assert "There are 3 more warnings." in many


def test_the_left_context_is_said_and_marks_one_state(lstm: LanguageModel) -> None:
    marks = {}
    for context in ("both", "left"):
        page = drawn(lstm.cloze(TEXT, context=context, trace=LITTLE), lstm, context)
        (boxes,) = re.findall(r'<path class="read box" d="([^"]*)"', page)
        marks[context] = boxes.count("M")
    assert marks == {"both": 2, "left": 1}
    assert "what follows was not asked" in page


def test_a_causal_network_is_said_to_score_what_follows(bundles: Path) -> None:
    language_model = load(tiny_bundle(bundles / "causal", direction="causal", cell="gru"))
    page = drawn(language_model.cloze(TEXT, trace=LITTLE), language_model)
    assert "then all that follows is scored as well" in page
    assert "backward" not in Page(page).texts["main"][0]


def test_a_result_without_a_trace_has_no_picture(lstm: LanguageModel) -> None:
    with pytest.raises(ValueError, match="no trace"):
        drawn(lstm.cloze(TEXT), lstm)
