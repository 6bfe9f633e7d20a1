"""`anaphora fill` and `anaphora models`, as they are typed: what is printed, where, and the exit status."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import anaphora
from model import load, shelf
from model.interventions import parse_intervention
from tests.tiny import tiny_bundle

TEXT = "Mary packed her bag because ___ was leaving."
TWO_BLANKS = "Tom lost ___ hat, so ___ left."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bundles."""
    folder = tmp_path_factory.mktemp("bundles")
    tiny_bundle(folder / "en-lstm")
    tiny_bundle(folder / "en-gru", cell="gru", direction="causal", seed=1)
    return folder


@pytest.fixture
def fill(folder: Path, capsys: pytest.CaptureFixture[str]):
    """Runs `anaphora fill` with the LSTM: exit status, standard output, standard error."""

    def run(*words: str, model: str = "en-lstm") -> tuple[int, str, str]:
        status = anaphora.main(["fill", *words, "--model", str(folder / model)])
        return status, *capsys.readouterr()

    return run


class Lines(io.BytesIO):
    """Standard input of which `read` says how many lines have been asked for."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines, self.n_read = lines, 0

    @property
    def buffer(self) -> Iterator[bytes]:
        for line in self.lines:
            self.n_read += 1
            yield line


def test_what_comes_after_two_hyphens_is_text(fill) -> None:
    _, out, _ = fill("--json", "Tom said ___.", "--", "--json=___", "-h ___")
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["Tom said ___.", "--json=___", "-h ___"]


def test_the_answer_is_the_models_most_probable_first(fill, folder) -> None:
    predictions = load(folder / "en-lstm").cloze(TEXT).blanks[0].predictions
    status, out, err = fill(TEXT)
    assert (status, err) == (0, "")
    rows = [line.split()[:3] for line in out.splitlines()[2:]]
    assert rows == [[p.filled, f"{p.probability:.4f}", f"{p.log_probability:.2f}"] for p in predictions]


def test_json_is_an_entry_of_the_http_results_one_a_line(fill, folder) -> None:
    language_model = load(folder / "en-lstm")
    _, out, _ = fill(TEXT, "___ said", "--json", "--context", "left", "--targets", "he, she,him")
    expected = language_model.cloze_batch([TEXT, "___ said"], ["he", "she", "him"], context="left")
    assert [json.loads(line) for line in out.splitlines()] == [result.to_dict() for result in expected]


def test_targets_are_given_once_for_all_blanks_or_once_for_each(fill, folder) -> None:
    language_model = load(folder / "en-lstm")
    _, once, _ = fill(TWO_BLANKS, "--json", "--targets", "he,she")
    assert json.loads(once) == language_model.cloze(TWO_BLANKS, ["he", "she"]).to_dict()
    _, each, _ = fill("--targets", "his,her", "--targets", "he,she", "--json", TWO_BLANKS)
    assert json.loads(each) == language_model.cloze(TWO_BLANKS, [["his", "her"], ["he", "she"]]).to_dict()
    status, _, err = fill(TWO_BLANKS, *["--targets", "he,she"] * 3)
    assert status == 1
    assert "3 lists of targets for 2 blanks" in err


def test_top_k_without_targets_lists_whole_words(fill, folder) -> None:
    _, out, _ = fill(TEXT, "--top-k", "3", "--json")
    assert json.loads(out) == load(folder / "en-lstm").cloze(TEXT, top_k=3).to_dict()


def test_standard_input_is_answered_line_by_line_as_it_comes(fill, monkeypatch, capsys) -> None:
    lines = Lines(
        [b"\xef\xbb\xbf___ said\r\n", b"  \n", b"Tom said that ___ was\n", b"no blank\n", b"___ never read\n"]
    )
    monkeypatch.setattr(sys, "stdin", lines)
    answered: list[int] = []
    monkeypatch.setattr("model.cli.as_json", lambda value: answered.append(lines.n_read) or json.dumps(value))
    status, out, err = fill("-", "--json")
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["___ said", "Tom said that ___ was"]
    assert answered == [1, 3]
    assert status == 1
    assert err.startswith("anaphora: line 4 of standard input: the text has no blank.")
    assert lines.n_read == 4


def test_a_line_that_is_not_utf_8_is_named(fill, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", Lines([b"___ said\n", b"caf\xe9 ___\n"]))
    status, out, err = fill("-")
    assert (status, err) == (1, "anaphora: line 2 of standard input: byte 4 is not UTF-8; convert the text first.\n")
    assert out.startswith("___ said")


def test_of_several_texts_the_one_at_fault_is_numbered(fill) -> None:
    status, out, err = fill(TEXT, "no blank")
    assert status == 1
    assert out.startswith(TEXT)
    assert err.startswith("anaphora: text 2: the text has no blank.")


def test_warnings_go_to_standard_error_with_their_place(fill) -> None:
    status, out, err = fill("A 🎩 \x1b[2J ___ said", "--json")
    assert status == 0
    assert "warning: '🎩' is unknown to this model. (characters 2 to 3)" in err
    assert "\x1b" not in out + err
    assert json.loads(out)["warnings"]


def test_a_trace_is_written_as_a_picture(fill, tmp_path) -> None:
    status, out, err = fill(TEXT, "--trace", str(tmp_path / "gates.html"))
    assert (status, err) == (0, f"wrote {tmp_path / 'gates.html'}\n")
    assert out.startswith(TEXT)
    page = (tmp_path / "gates.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count('<section class="panel">') == 24


def test_the_picture_of_an_edited_network_says_so(fill, tmp_path) -> None:
    path = tmp_path / "gates.html"
    assert fill(TEXT, "--trace", str(path), "--intervene", "layer0.forward.hidden_state:all:1:scale=0.5")[0] == 0
    assert "<li>layer0.forward.hidden_state, all units, at " in path.read_text(encoding="utf-8")


def test_a_trace_as_json_is_the_result_with_the_model_and_its_hash(fill, folder, tmp_path) -> None:
    path = tmp_path / "gates.JSON"
    status, out, _ = fill(
        *(TEXT, "--json", "--trace", str(path)),
        *("--sites", "layer1.backward.cell_state,layer0.forward.forget_gate", "--units", "3,1"),
    )
    assert status == 0
    written = json.loads(path.read_text(encoding="utf-8"))
    language_model = load(folder / "en-lstm")
    assert (written.pop("model"), written.pop("sha256")) == ("en-lstm", language_model.sha256)
    assert written == json.loads(out)
    assert list(written["trace"]["sites"]) == ["layer1.backward.cell_state", "layer0.forward.forget_gate"]
    assert {tuple(site["units"]) for site in written["trace"]["sites"].values()} == {(3, 1)}


@pytest.mark.parametrize(("units", "n_units"), [("top:2", 2), ("all", 6)])
def test_units_are_the_liveliest_or_all(fill, tmp_path, units: str, n_units: int) -> None:
    path = tmp_path / "gates.json"
    fill(TEXT, "--trace", str(path), "--units", units)
    sites = json.loads(path.read_text(encoding="utf-8"))["trace"]["sites"]
    assert {len(site["units"]) for site in sites.values()} == {n_units}


def test_a_text_that_is_no_unicode_is_traced_all_the_same(fill, tmp_path) -> None:
    for name in ("gates.html", "gates.json"):
        assert fill("\udcff ___ said", "--trace", str(tmp_path / name))[0] == 0
    assert json.loads((tmp_path / "gates.json").read_text(encoding="utf-8"))["text"] == "\udcff ___ said"


def test_a_trace_is_of_one_text(fill, tmp_path, monkeypatch) -> None:
    path = tmp_path / "gates.html"
    assert "there is more than one" in fill(TEXT, TEXT, "--trace", str(path))[2]
    monkeypatch.setattr(sys, "stdin", Lines([]))
    assert "there is none" in fill("-", "--trace", str(path))[2]
    assert not path.exists()


def test_a_file_that_cannot_be_written_is_named_with_the_reason(fill, tmp_path) -> None:
    (tmp_path / "folder.html").mkdir()
    status, out, err = fill(TEXT, "--trace", str(tmp_path / "folder.html"))
    assert (status, out) == (1, "")
    assert err == f"anaphora: --trace {tmp_path / 'folder.html'} is a folder; name a file.\n"
    status, out, err = fill(TEXT, "--trace", str(tmp_path / "missing" / "gates.html"))
    assert (status, out) == (1, "")
    assert f"there is no folder {tmp_path / 'missing'}; create it first." in err
    (tmp_path / "loop.html").symlink_to(tmp_path / "loop.html")
    status, _, err = fill(TEXT, "--trace", str(tmp_path / "loop.html"))
    assert status == 1
    assert "loop.html cannot be written: Too many levels of symbolic links. Name another file." in err


def test_a_site_or_unit_that_is_not_there_is_refused_with_what_is(fill, tmp_path) -> None:
    path = tmp_path / "gates.html"
    status, _, err = fill(TEXT, "--trace", str(path), "--sites", "layer0.forward.update_gate")
    assert status == 1
    assert "input_gate, forget_gate, cell_candidate" in err
    assert "units 0 to 5" in fill(TEXT, "--trace", str(path), "--units", "6")[2]
    assert not path.exists()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--targets", "he,,she"],
        ["--trace", "gates.png"],
        ["--sites", "layer0.forward.forget_gate"],
        ["--units", "top:3"],
        ["--trace", "gates.html", "--units", "three"],
        ["--top-k", "many"],
        ["--top-k", "0"],
        ["--context", "right"],
        ["--target", "he,she"],
        ["--evidence", "gate"],
        ["--intervene", "layer0.forward.forget_gate:1:0-2"],
        ["--intervene", "layer0.forward.forget_gate:1:0-2:sit=0"],
        ["--intervene", "layer0.forward.forget_gate:1:0-2:set=nan"],
    ],
)
def test_wrong_usage_is_status_2(fill, words: list[str]) -> None:
    status, out, err = fill(*words, *([TEXT] if words else []))
    assert (status, out) == (2, "")
    assert "anaphora fill: error:" in err


EDITS = ["layer0.forward.forget_gate:0-2,5:1-4:set=0", "layer1.forward.hidden_state:all:3:scale=-0.5"]


def test_edits_are_made_in_order_and_shown_before_and_after(fill, folder) -> None:
    words = [word for edit in EDITS for word in ("--intervene", edit)]
    expected = load(folder / "en-lstm").cloze(TEXT, interventions=[parse_intervention(edit) for edit in EDITS])
    _, out, _ = fill(TEXT, *words, "--json")
    assert json.loads(out) == expected.to_dict()
    _, out, _ = fill(TEXT, *words)
    assert expected.without_interventions is not None
    before = {p.target: p for p in expected.without_interventions[0].predictions}
    rows = [line.split()[:5] for line in out.splitlines()[2:]]
    assert rows == [
        [
            after.filled,
            f"{before[after.target].probability:.4f}",
            f"{after.probability:.4f}",
            f"{before[after.target].log_probability:.2f}",
            f"{after.log_probability:.2f}",
        ]
        for after in expected.blanks[0].predictions
    ]


def test_evidence_is_told_a_token_a_line(fill, folder) -> None:
    expected = load(folder / "en-lstm").cloze(TEXT, evidence="erase").evidence
    assert expected is not None
    assert json.loads(fill(TEXT, "--evidence", "erase", "--json")[1])["evidence"] == expected.to_list()
    lines = fill(TEXT, "--evidence", "erase")[1].split("evidence (erase)")[1].splitlines()[1:]
    assert [line.split()[0] for line in lines] == [str(number) for number in range(len(expected.tokens))]
    for line, entry in zip(lines, expected.tokens, strict=True):
        assert ("the blank" if entry.log_odds_change is None else f"{entry.log_odds_change:+.2f}") in line


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--evidence", "hold", "--targets", "he"], "exactly two targets; got 1 target."),
        (["--evidence", "write", "--model", "en-gru"], "this network has gru cells"),
        (["--intervene", "layer0.forward.update_gate:1:1-2:set=0"], "there is no site 'layer0.forward.update_gate'"),
        (["--intervene", "layer0.forward.forget_gate:6:1-2:set=0"], "units 0 to 5"),
        (["--intervene", "layer0.forward.forget_gate:1:1-99:set=0"], "the first and the last token"),
    ],
)
def test_what_this_text_or_network_does_not_allow_is_said_in_one_line(fill, words: list[str], sentence: str) -> None:
    model = words[-1] if words[-2] == "--model" else "en-lstm"
    status, out, err = fill(TEXT, *(words[:-2] if words[-2] == "--model" else words), model=model)
    assert (status, out) == (1, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_model_that_is_not_there_is_named(capsys) -> None:
    assert anaphora.main(["fill", TEXT, "--model", "nowhere"]) == 1
    assert capsys.readouterr().err.startswith("anaphora: there is no model 'nowhere'")


@pytest.fixture
def models(capsys: pytest.CaptureFixture[str]):
    """Runs `anaphora models`: exit status, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        status = anaphora.main(["models", *map(str, words)])
        return status, *capsys.readouterr()

    return run


def damaged(folder: Path) -> Path:
    """A bundle of which one bit of the weights is another."""
    path = tiny_bundle(folder) / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return folder


def test_the_shipped_models_are_listed_or_those_in_the_folders_given(models, folder, monkeypatch) -> None:
    by_option = models("list", "--models", folder)
    assert models("list", folder) == by_option
    monkeypatch.setattr(shelf, "shipped_folder", lambda: folder)
    assert models("list") == by_option
    status, out, err = by_option
    assert (status, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["en-gru", "gru"], ["en-lstm", "lstm"]]


def test_a_list_as_json_has_the_facts_of_each_bundle(models, folder, tmp_path) -> None:
    bad = damaged(tmp_path / "bad")
    _, out, _ = models("list", "--json", "--models", folder, "--models", bad)
    gru, lstm, third = json.loads(out)
    assert (gru["name"], lstm["network"]["cell"]) == ("en-gru", "lstm")
    assert lstm["sha256"] == load(folder / "en-lstm").sha256
    assert "was changed" in third["error"]


def test_one_model_is_shown_by_name_by_folder_or_by_default(models, folder) -> None:
    by_default = models("show", "--models", folder)
    assert by_default[1].startswith("en-lstm\n")
    assert models("show", "en-lstm", "--models", folder) == by_default
    assert models("show", folder / "en-lstm") == by_default
    assert models("show", folder / "en-gru")[1].startswith("en-gru\n")


def test_show_as_json_is_the_whole_bundle_json(models, folder) -> None:
    _, out, _ = models("show", folder / "en-gru", "--json")
    assert json.loads(out) == json.loads((folder / "en-gru" / "bundle.json").read_text(encoding="utf-8"))


def test_verify_says_ok_with_the_hash_that_names_the_content(models, folder) -> None:
    status, out, err = models("verify", folder / "en-gru")
    assert (status, out, err) == (0, f"en-gru: ok ({load(folder / 'en-gru').sha256})\n", "")


def test_verify_goes_on_after_a_damaged_bundle_and_ends_with_1(models, folder, tmp_path) -> None:
    bad = damaged(tmp_path / "bad")
    status, out, err = models("verify", "--models", bad, "--models", folder)
    assert status == 1
    assert [line.split(":")[0] for line in out.splitlines()] == ["en-gru", "en-lstm"]
    assert err == f"anaphora: {bad}: weights.safetensors was changed: its SHA-256 is not the one in bundle.json.\n"


@pytest.mark.parametrize("words", [[], ["drop"], ["verify", "--json"], ["list", "a", "b"]])
def test_wrong_usage_of_models_is_status_2(models, words: list[str]) -> None:
    status, out, err = models(*words)
    assert (status, out) == (2, "")
    assert "anaphora models: error:" in err
