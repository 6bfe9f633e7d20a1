"""Batches: streams that carry on, fragments that start fresh, and the same ones again after a resume."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.tokenizer import KINDS, Tokenizer
from tests.tiny import SENTENCES, tiny_shards, tiny_tokenizer
from training.batches import Batch, Batches, FragmentCutter, collate
from training.errors import CorpusError
from training.shards import TokenShards

# Paragraphs of one to three sentences; two documents.
PARAGRAPHS = [" ".join(SENTENCES[n : n + 1 + n % 3]) for n in range(10)]
TEXTS = ["\n".join(PARAGRAPHS), "\n".join(PARAGRAPHS[::-1])]


def _batches(tokens: TokenShards, kind: str = "word", **changed: object) -> Batches:
    settings: dict[str, object] = {"rows": 4, "bptt_steps": 12, "fragment_share": 0.0, "seed": 5}
    return Batches(tokens, tiny_tokenizer(kind), **(settings | changed))  # type: ignore[arg-type]


def _rows(batch: Batch) -> list[list[int]]:
    return [row[:length].tolist() for row, length in zip(batch.ids, batch.lengths, strict=True)]


def _all(tokens: TokenShards) -> NDArray[np.int64]:
    return tokens.read(0, len(tokens))


def test_a_stream_reads_its_part_of_the_corpus_without_a_gap(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer("word"))
    corpus = _all(tokens).tolist()
    batches = _batches(tokens, rows=2)
    place = batches.position.tolist()
    first, last = batches.first.tolist(), batches.last.tolist()
    assert (first[0], last[1]) == (0, len(corpus))
    assert last[0] == first[1]
    wrapped = [0, 0]
    for _ in range(40):
        batch = batches.next()
        for stream, row in enumerate(_rows(batch)):
            if batch.fresh[stream] and corpus[place[stream]] != tiny_tokenizer("word").begin_id:
                assert row[0] == tiny_tokenizer("word").begin_id  # added: this stream starts inside a document
                row = row[1:]
            assert row == corpus[place[stream] : place[stream] + len(row)]
            place[stream] += len(row)
            if place[stream] == last[stream]:
                place[stream], wrapped[stream] = first[stream], wrapped[stream] + 1
    assert min(wrapped) >= 1  # and then from the beginning again


def test_windows_are_full_but_at_a_document_end_or_the_part_end(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer("word"))
    batches = _batches(tokens, rows=3)
    for _ in range(30):
        batch = batches.next()
        at_part_end = batches.position == batches.first
        for stream, row in enumerate(_rows(batch)):
            assert len(row) == 12 or batch.ended[stream] or at_part_end[stream]


def test_a_window_within_a_document_carries_on_and_a_new_document_starts_fresh(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(tmp_path, ["She was tired and he was late!", "he said so"], tokenizer)
    batches = _batches(tokens, rows=1, bptt_steps=4)
    batches.load_state_dict({"position": [0], "carries": [False], "n_batches": 0})
    seen = []
    for _ in range(5):
        batch = batches.next()
        pieces = " ".join(tokenizer.pieces[i].removeprefix("▁") for i in _rows(batch)[0])
        seen.append((pieces, bool(batch.fresh[0]), bool(batch.ended[0])))
    assert seen == [
        ("<s> She was tired", True, False),
        ("and he was late", False, False),
        ("! </s>", False, True),
        ("<s> he said so", True, False),
        ("</s>", False, True),
    ]


def test_a_stream_that_starts_inside_a_document_gets_a_begin(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(tmp_path, ["She was tired and he was late"], tokenizer)
    batches = _batches(tokens, rows=1, bptt_steps=4)
    batches.load_state_dict({"position": [3], "carries": [False], "n_batches": 0})
    first, second = batches.next(), batches.next()
    assert [tokenizer.pieces[i] for i in _rows(first)[0]] == ["<s>", "▁tired", "▁and", "▁he"]
    assert first.fresh[0]
    assert [tokenizer.pieces[i] for i in _rows(second)[0]] == ["▁was", "▁late", "</s>"]
    assert not second.fresh[0]
    assert second.ended[0]


def test_a_stream_ends_where_the_text_held_out_begins(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(tmp_path, ["she was tired and he was late"], tokenizer)
    batches = _batches(tokens, rows=1, bptt_steps=8, stop=5)
    batches.load_state_dict({"position": [0], "carries": [False], "n_batches": 0})
    for _ in range(3):  # the same again, from the beginning
        batch = batches.next()
        assert [tokenizer.pieces[i] for i in _rows(batch)[0]] == ["<s>", "▁she", "▁was", "▁tired", "▁and"]
        assert batch.fresh[0]
        assert not batch.ended[0]


def _fragments(tokens: TokenShards, tokenizer: Tokenizer, bptt_steps: int, n: int) -> list[NDArray[np.int64]]:
    random = np.random.default_rng(11)
    cutter = FragmentCutter(tokens, tokenizer, bptt_steps)
    return [cutter.cut(random) for _ in range(n)]


def _places(corpus: NDArray[np.int64], fragment: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where the fragment's text stands in the corpus."""
    windows = np.lib.stride_tricks.sliding_window_view(corpus, len(fragment) - 2)
    return np.flatnonzero((windows == fragment[1:-1]).all(axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_fragments_are_pieces_of_the_text_between_begin_and_end_that_fit_the_window(tmp_path: Path, kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    tokens = tiny_shards(tmp_path, TEXTS, tokenizer)
    corpus = _all(tokens)
    for fragment in _fragments(tokens, tokenizer, 20, 300):
        assert fragment[0] == tokenizer.begin_id
        assert fragment[-1] == tokenizer.end_id
        assert 3 <= len(fragment) <= 20
        assert not {tokenizer.begin_id, tokenizer.end_id, 0} & set(fragment[1:-1].tolist())
        assert len(_places(corpus, fragment))


def _long_paragraphs() -> list[str]:
    return ["\n".join([" ".join(sentence.rstrip(".!?") for sentence in SENTENCES * 5)] * 4)]


@pytest.mark.parametrize("texts", [TEXTS, _long_paragraphs()], ids=["short paragraphs", "long paragraphs"])
@pytest.mark.parametrize("kind", ["subword", "character"])
def test_fragments_never_begin_inside_a_word(tmp_path: Path, kind: str, texts: list[str]) -> None:
    tokenizer = tiny_tokenizer(kind)
    tokens = tiny_shards(tmp_path, texts, tokenizer)
    corpus = _all(tokens)
    inner = tokenizer.is_inner(corpus)
    for fragment in _fragments(tokens, tokenizer, 24, 500):
        assert not inner[_places(corpus, fragment)].all()


@pytest.mark.parametrize("texts", [TEXTS, _long_paragraphs()], ids=["short paragraphs", "long paragraphs"])
@pytest.mark.parametrize("kind", ["subword", "character"])
def test_fragments_never_end_inside_a_word(tmp_path: Path, kind: str, texts: list[str]) -> None:
    tokenizer = tiny_tokenizer(kind)
    tokens = tiny_shards(tmp_path, texts, tokenizer)
    corpus = _all(tokens)
    inner = tokenizer.is_inner(corpus)
    for fragment in _fragments(tokens, tokenizer, 24, 500):
        assert not inner[_places(corpus, fragment) + len(fragment) - 2].all()


@pytest.mark.parametrize("kind", KINDS)
def test_fragments_start_at_sentences_at_paragraphs_and_elsewhere(tmp_path: Path, kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    tokens = tiny_shards(tmp_path, [SENTENCES[0] + "\n" + TEXTS[0]], tokenizer)
    corpus = _all(tokens)
    text = "".join("\n" if i <= 4 else tokenizer.pieces[i] for i in corpus).replace("▁", " ")
    starts_of_pieces = np.cumsum([0] + [1 if i <= 4 else len(tokenizer.pieces[i]) for i in corpus])
    counts = {"paragraph": 0, "sentence": 0, "elsewhere": 0}
    for fragment in _fragments(tokens, tokenizer, 60, 400):
        places = _places(corpus, fragment)
        if len(places) > 1:
            continue  # not known where it was cut out
        before = text[: starts_of_pieces[places[0]]].rstrip(" ")
        if before[-1] == "\n":
            counts["paragraph"] += 1
        elif before.rstrip('"')[-1] in ".!?":
            counts["sentence"] += 1
        else:
            counts["elsewhere"] += 1
    assert min(counts.values()) > 0.1 * sum(counts.values())


def test_fragments_end_at_sentences_and_elsewhere_and_often_hold_one_sentence(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(tmp_path, [" ".join(SENTENCES * 3)], tokenizer)
    closing = [i for i, piece in enumerate(tokenizer.pieces) if piece in (".", "!", "?")]
    fragments = _fragments(tokens, tokenizer, 40, 400)
    at_sentence_end = [f for f in fragments if {int(f[-2]), int(f[-3])} & set(closing)]
    one_sentence = [f for f in at_sentence_end if np.isin(f, closing).sum() == 1]
    assert 0.35 < len(at_sentence_end) / 400 < 0.75
    assert 0.08 < len(one_sentence) / 400 < 0.4


def test_a_closing_quote_stays_with_its_sentence(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(tmp_path, ['"He was late." She was tired.'], tokenizer)
    cutter = FragmentCutter(tokens, tokenizer, 20)
    ids = tokens.read(1, len(tokens) - 1)
    assert [tokenizer.pieces[i] for i in ids] == ['▁"', "He", "▁was", "▁late", ".", '"', "▁She", "▁was", "▁tired", "."]
    assert cutter._sentence_ends(ids).tolist() == [6, 10]


def test_text_held_out_is_in_no_fragment_and_fragments_of_it_hold_nothing_else(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(tmp_path, ["he was late " * 40 + "she said so " * 20], tokenizer)
    stop = 1 + 3 * 40
    trained = _batches(tokens, fragment_share=1.0, stop=stop)
    held_out = _batches(tokens, fragment_share=1.0, start=stop)
    late, said = (tokenizer.encode_ids(word)[0] for word in ("late", "said"))
    for _ in range(30):
        assert not (trained.next().ids == said).any()
        assert not (held_out.next().ids == late).any()


@pytest.mark.parametrize(("rows", "share", "n"), [(20, 0.5, 10), (5, 0.2, 1), (4, 0.0, 0), (4, 1.0, 4), (3, 0.5, 2)])
def test_the_stated_share_of_rows_are_fragments(tmp_path: Path, rows: int, share: float, n: int) -> None:
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer("word"))
    batches = _batches(tokens, rows=rows, fragment_share=share)
    assert (batches.n_streams, batches.n_fragments) == (rows - n, n)
    batches.next()  # every stream's first window is fresh
    for _ in range(5):
        carried = batches.carries.tolist()
        batch = batches.next()
        assert len(batch.ids) == rows
        assert batch.fresh.tolist() == [not c for c in carried] + [True] * n
        assert batch.ended[rows - n :].all()


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["streams", "fragments"])
def test_the_same_seed_gives_the_same_batches_and_another_seed_others(tmp_path: Path, share: float) -> None:
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer("word"))

    def first_rows(seed: int) -> list[list[list[int]]]:
        batches = _batches(tokens, fragment_share=share, seed=seed)
        return [_rows(batches.next()) for _ in range(4)]

    assert first_rows(1) == first_rows(1)
    assert all(ours != theirs for ours, theirs in zip(first_rows(1), first_rows(2), strict=True))


def test_fragments_are_new_ones_in_every_batch(tmp_path: Path) -> None:
    batches = _batches(tiny_shards(tmp_path, TEXTS, tiny_tokenizer("word")), fragment_share=1.0)
    first, second = _rows(batches.next()), _rows(batches.next())
    assert first != second


def test_batches_go_on_exactly_from_a_saved_state(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, TEXTS, tiny_tokenizer("word"))
    batches = _batches(tokens, fragment_share=0.5)
    for _ in range(7):
        batches.next()
    state = json.loads(json.dumps(batches.state_dict()))
    resumed = _batches(tokens, fragment_share=0.5)
    resumed.load_state_dict(state)
    for _ in range(12):
        ours, theirs = batches.next(), resumed.next()
        assert _rows(ours) == _rows(theirs)
        assert ours.fresh.tolist() == theirs.fresh.tolist()
        assert ours.ended.tolist() == theirs.ended.tolist()


def test_rows_are_padded_at_their_end_and_only_real_tokens_are_counted() -> None:
    batch = collate([np.array([2, 9, 8, 3]), np.array([2, 7])], [True, False], [True, False])
    assert batch.ids.tolist() == [[2, 9, 8, 3], [2, 7, 0, 0]]
    assert batch.lengths.tolist() == [4, 2]
    assert batch.n_tokens == 6


def test_a_corpus_shorter_than_its_streams_is_refused_in_a_sentence(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, ["he"], tiny_tokenizer("word"))
    with pytest.raises(CorpusError, match=r"3 tokens are too few for 4 streams\. Give more text, fewer rows"):
        _batches(tokens)
    with pytest.raises(CorpusError, match="no text is left to cut fragments from"):
        _batches(tokens, fragment_share=1.0, start=3)


def test_a_document_s_end_is_no_fragment(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens = tiny_shards(tmp_path, ["he"] * 30, tokenizer)  # two thirds of all positions are <s> or </s>
    for fragment in _fragments(tokens, tokenizer, 12, 200):
        assert [tokenizer.pieces[i] for i in fragment] == ["<s>", "▁he", "</s>"]


def test_a_corpus_of_empty_documents_is_refused_in_a_sentence(tmp_path: Path) -> None:
    tokens = tiny_shards(tmp_path, [""] * 5, tiny_tokenizer("word"))
    with pytest.raises(CorpusError, match="no fragment found"):
        _batches(tokens, fragment_share=1.0).next()


STORIES = [
    "Mary said that she left.",
    "Tom saw himself. He was late, and the old man lost his hat when he was in the house.",
]


@pytest.mark.parametrize(("rows", "share", "n"), [(10, 0.3, 3), (10, 0.4, 4), (4, 0.0, 0), (4, 1.0, 4), (4, 0.1, 0)])
def test_the_stated_share_of_rows_are_stories_after_the_fragments(
    tmp_path: Path, rows: int, share: float, n: int
) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens, stories = tiny_shards(tmp_path / "a", TEXTS, tokenizer), tiny_shards(tmp_path / "b", STORIES, tokenizer)
    batches = _batches(tokens, rows=rows, bptt_steps=40, twins=stories, twin_share=share)
    assert (batches.n_streams, batches.n_twins) == (rows - n, n)
    whole = [[2, *tokenizer.encode_ids(story), 3] for story in STORIES]
    seen = []
    for _ in range(12):
        batch = batches.next()
        assert len(batch.ids) == rows
        seen += _rows(batch)[rows - n :]
        assert batch.fresh[rows - n :].all()
        assert batch.ended[rows - n :].all()
    assert all(row in whole for row in seen)
    assert not n or all(row in seen for row in whole)


def test_a_story_longer_than_the_window_is_cut_and_has_no_end(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens, stories = tiny_shards(tmp_path / "a", TEXTS, tokenizer), tiny_shards(tmp_path / "b", STORIES[1:], tokenizer)
    batch = _batches(tokens, twins=stories, twin_share=0.5).next()
    assert _rows(batch)[-1] == [2, *tokenizer.encode_ids(STORIES[1])][:12]
    assert batch.fresh[2:].all()
    assert not batch.ended[2:].any()


def test_a_share_of_stories_without_any_leaves_all_rows_to_the_corpus(tmp_path: Path) -> None:
    batches = _batches(tiny_shards(tmp_path, TEXTS, tiny_tokenizer("word")), twin_share=0.5)
    assert (batches.n_streams, batches.n_twins) == (4, 0)


def test_stories_are_the_same_for_the_same_seed_and_step_and_follow_a_saved_state(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    tokens, stories = (
        tiny_shards(tmp_path / "a", TEXTS, tokenizer),
        tiny_shards(tmp_path / "b", PARAGRAPHS * 2, tokenizer),
    )

    def started(seed: int) -> Batches:
        return _batches(tokens, seed=seed, rows=6, fragment_share=0.3, twins=stories, twin_share=0.5)

    batches, others = started(1), started(2)
    for _ in range(3):
        batches.next()
    resumed = started(1)
    resumed.load_state_dict(json.loads(json.dumps(batches.state_dict())))
    drawn = [_rows(batches.next()) for _ in range(8)]
    assert drawn == [_rows(resumed.next()) for _ in range(8)]
    assert [rows[3:] for rows in drawn] != [_rows(others.next())[3:] for _ in range(8)]


def test_a_document_stands_beside_its_twin_and_where_one_row_is_left_alone(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("word")
    pairs = [("he left", "she left"), ("Tom was late", "Mary was late"), ("the old man", "the old woman")]
    tokens = tiny_shards(tmp_path / "a", TEXTS, tokenizer)
    twins = tiny_shards(tmp_path / "b", [text for pair in pairs for text in pair], tokenizer)
    whole = [tuple([2, *tokenizer.encode_ids(text), 3] for text in pair) for pair in pairs]
    batches = _batches(tokens, rows=5, twins=twins, twin_share=1.0)
    seen = set()
    for _ in range(20):
        rows = _rows(batches.next())
        for first, second in (rows[:2], rows[2:4]):
            assert (first, second) in whole
            seen.add(whole.index((first, second)))
        assert rows[4] in [first for first, _ in whole]
    assert seen == {0, 1, 2}
