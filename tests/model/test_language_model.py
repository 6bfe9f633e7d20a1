"""A loaded bundle: likelihoods of texts and documents, what a bundle cannot answer, and where bundles are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import log
from pathlib import Path

import pytest

import model
from model import language_model as language_model_module
from model.cells import CELL_TYPES
from model.errors import BundleFormatError, ModelNotFoundError, RequestError, UnsupportedError
from model.language_model import LanguageModel, find_bundle, load
from model.limits import Limits
from model.text import normalised
from model.tokenizer import KINDS
from model.trace import TraceRequest
from tests.model.reference import FLOAT32, Reference, bigram, language_model, loaded
from tests.tiny import SENTENCES, tiny_bundle, tiny_config, tiny_weights

PARAGRAPHS = ["Tom said that he was tired.", "", "Mary packed; Zoë met her 😀.", '"She was here," said Paul.']


def log_likelihood(model: LanguageModel, text: str, last: bool = False) -> float:
    """Sum of log P of every piece after <s>, one by one; `last`: with </s>."""
    reference, tokenizer = Reference(model), model.tokenizer
    ids = [tokenizer.begin_id, *tokenizer.encode(text).ids] + [tokenizer.end_id] * last
    return sum(float(reference.log_probabilities(ids[:k])[ids[k]]) for k in range(1, len(ids)))


# ---------------------------------------------------------------------------------------------- likelihoods


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_the_log_likelihood_of_a_text_is_the_sum_over_its_pieces(direction: str, kind: str) -> None:
    """By the forward half, without </s>."""
    model = language_model("lstm", direction, kind)
    texts = ["Tom said that he was tired.", "She", "Mary  met “Zoë”\nso", ""]
    for text, score in zip(texts, model.log_likelihood(texts), strict=True):
        same = normalised(text)
        ids = model.tokenizer.encode(same).ids
        assert score.log_probability_nats == pytest.approx(log_likelihood(model, same), abs=10 * FLOAT32)
        assert (score.n_tokens, score.n_characters) == (len(ids), len(same))
        assert score.n_unknown == ids.count(model.tokenizer.unknown_id)


@pytest.mark.parametrize("kind", KINDS)
def test_a_given_beginning_is_read_and_not_scored(kind: str) -> None:
    model = language_model("lstm", "bidirectional", kind)
    text, beginning = "Tom said that he was tired.", "Tom said that"
    whole, first = model.log_likelihood([text, beginning])
    (rest,) = model.log_likelihood([text], [beginning])
    assert rest.n_tokens == whole.n_tokens - first.n_tokens
    difference = whole.log_probability_nats - first.log_probability_nats
    assert rest.log_probability_nats == pytest.approx(difference, abs=20 * FLOAT32)
    assert model.log_likelihood([text], [""])[0].log_probability_nats == pytest.approx(whole.log_probability_nats)


def test_a_beginning_that_is_none_is_refused() -> None:
    model = language_model()
    for given in ("Mary", "Tom said that he was tired. Then"):
        with pytest.raises(RequestError, match=f"the given beginning '{given}' is not one of the text"):
            model.log_likelihood(["Tom said that he was tired."], [given])


def test_a_log_likelihood_by_hand() -> None:
    model = bigram("word", {"<s>": {"▁Tom": 0.5, "▁Mary": 0.5}, "▁Tom": {"▁said": 0.25, "▁was": 0.75}})
    (score,) = model.log_likelihood(["Tom said"])
    assert score.log_probability_nats == pytest.approx(log(0.5 * 0.25), abs=FLOAT32)


@pytest.mark.parametrize("cell", CELL_TYPES)
@pytest.mark.parametrize("window", [1, 2, 7, 512])
def test_a_document_scores_as_one_long_read_however_it_is_cut(
    cell: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newlines between paragraphs and the end count; the state is carried on from window to window."""
    monkeypatch.setattr(language_model_module, "WINDOW_TOKENS", window)
    model = language_model(cell, "bidirectional")
    score = model.score_document(iter(PARAGRAPHS))
    whole = "\n".join(PARAGRAPHS)
    assert score.log_probability_nats == pytest.approx(log_likelihood(model, whole, last=True), abs=20 * FLOAT32)
    ids = model.tokenizer.encode(whole).ids
    assert score.n_tokens == len(ids) + 1
    assert score.n_characters == len(whole) + 1
    assert score.n_unknown == ids.count(model.tokenizer.unknown_id) == 3  # Z, ë, 😀


@pytest.mark.parametrize("kind", KINDS)
def test_where_paragraphs_end_does_not_matter_to_any_tokenizer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model_module, "WINDOW_TOKENS", 5)
    model = language_model("gru", "causal", kind)
    whole = "\n".join(SENTENCES)
    score = model.score_document(SENTENCES)
    assert score.log_probability_nats == pytest.approx(log_likelihood(model, whole, last=True), rel=1e-6)
    assert score.n_tokens == len(model.tokenizer.encode(whole)) + 1


def test_a_document_is_read_paragraph_by_paragraph() -> None:
    """Nothing of it is kept but the state: it may be longer than memory."""
    model = language_model("rnn", "causal")
    waiting: list[int] = []
    original = model.runtime.read
    sizes = []

    def paragraphs() -> Iterator[str]:
        for number in range(200):
            waiting.append(number)
            yield "Tom said that he was tired."

    def watch(direction: str, rows: Sequence[Sequence[int]], *args: object, **options: object) -> object:
        sizes.append((len(waiting), len(rows[0])))
        return original(direction, rows, *args, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.runtime, "read", watch)
        model.score_document(paragraphs())
    assert sizes[0][0] < 100, "the first window is read long before the last paragraph has come"
    assert max(size for _, size in sizes) == language_model_module.WINDOW_TOKENS


def test_an_empty_document_has_only_its_end() -> None:
    model = language_model("rnn", "causal")
    score = model.score_document([])
    assert score.n_tokens == 1
    assert score.log_probability_nats == pytest.approx(log_likelihood(model, "", last=True), abs=FLOAT32)


def test_a_bundle_without_the_language_model_objective_has_no_likelihoods() -> None:
    objective = {"language_model_weight": 0, "contrast_weight": 1.0}
    model = loaded("lstm", "bidirectional", "subword", tiny_weights(tiny_config()), objective=objective)
    with pytest.raises(UnsupportedError, match="without the language-model objective, so it has no log-likelihoods"):
        model.log_likelihood(["She was here."])
    with pytest.raises(UnsupportedError, match=r"no perplexity\. Use another model"):
        model.score_document(["She was here."])
    assert len(model.cloze("Tom said ___.").blanks[0].predictions) == 2


# ---------------------------------------------------------------------------------------------- threads


def test_eight_threads_at_once_each_get_their_own_answers() -> None:
    model = language_model("lstm", "bidirectional", seed=3)
    names = ("Tom", "Mary", "Anna", "Paul", "The old man", "Her uncle", "The girl", "He")
    texts = [f"{name} said{' that' * n} ___ was tired." for name in names for n in range(2)]
    trace = TraceRequest(("layer1.forward.cell_state",))
    alone = [model.cloze(text, trace=trace).to_dict() for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: model.cloze(text, trace=trace).to_dict(), texts * 3))
    for number, answer in enumerate(together):
        assert answer == alone[number % len(texts)]


# ---------------------------------------------------------------------------------------------- loading


def test_a_loaded_bundle_answers_as_the_network_in_it(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny")
    got = model.load(folder)
    assert (got.name, got.config, got.tokenizer.kind) == ("tiny", tiny_config(), "subword")
    assert got.sha256 == got.bundle.sha256
    assert got.cloze("Tom said ___.").blanks == language_model().cloze("Tom said ___.").blanks
    assert load(str(folder)).sha256 == got.sha256


def test_limits_and_threads_are_given_at_loading(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny")
    got = load(folder, limits=Limits(max_tokens=5), threads=2)
    with pytest.raises(RequestError, match="the limit is 5"):
        got.cloze("Tom said that ___ was tired.")
    assert load(folder).limits == Limits()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the shipped bundles: `tiny`, and a folder that is none. The working directory is elsewhere, empty."""
    shipped, elsewhere = tmp_path / "bundles", tmp_path / "elsewhere"
    tiny_bundle(shipped / "tiny")
    (shipped / "empty").mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(language_model_module, "shipped_folder", lambda: shipped)
    return shipped


def test_a_shipped_bundle_is_found_by_its_name(shelf: Path) -> None:
    assert find_bundle("tiny") == shelf / "tiny"
    assert load("tiny").name == "tiny"


def test_a_bundle_of_ones_own_goes_before_a_shipped_one(shelf: Path) -> None:
    tiny_bundle(Path("tiny"), cell="gru")
    assert load("tiny").config.cell == "gru"
    assert load("./tiny").config.cell == "gru"
    assert load(shelf / "tiny").config.cell == "lstm"


def test_a_folder_that_is_no_bundle_does_not_hide_a_shipped_one(shelf: Path) -> None:
    Path("tiny").mkdir()
    assert find_bundle("tiny") == shelf / "tiny"
    with pytest.raises(BundleFormatError, match="is not a bundle"):
        load("./tiny")


def test_a_bundle_that_was_moved_aside_is_not_passed_over_for_a_shipped_one(shelf: Path) -> None:
    tiny_bundle(Path("tiny")).rename("tiny.old")
    with pytest.raises(BundleFormatError, match=r"An earlier bundle stands in .*tiny\.old: rename it back"):
        load("tiny")


@pytest.mark.parametrize("name", ["en-gru", "no/such/folder", "empty/", "../bundles/nothing", "a\0b", "~"])
def test_a_model_that_is_not_there_is_refused_with_those_that_are(shelf: Path, name: str) -> None:
    with pytest.raises(ModelNotFoundError, match=r"neither a folder nor a shipped bundle \(tiny\)") as refused:
        load(name)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("name", ["", ".", "/", ".."])
def test_a_folder_without_a_bundle_is_refused_as_none(shelf: Path, name: str) -> None:
    with pytest.raises(BundleFormatError, match="is not a bundle"):
        load(name)


def test_no_name_leads_into_another_folder(shelf: Path) -> None:
    """A path is a path: only a bare name is looked for among the shipped bundles."""
    with pytest.raises(ModelNotFoundError):
        load("./tiny")
    with pytest.raises(ModelNotFoundError):
        load("x/../tiny")


def test_without_any_shipped_bundle_the_refusal_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model_module, "shipped_folder", lambda: tmp_path / "nowhere")
    with pytest.raises(ModelNotFoundError, match="none is shipped"):
        load("en-lstm")
