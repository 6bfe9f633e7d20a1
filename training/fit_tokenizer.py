"""Fits a tokenizer to a corpus: counts its segments, then hands SentencePiece the table of counts.

The words in `always` come out as single pieces in four forms (`▁she she ▁She She`) because the table counts them more
often than the texts do; as user-defined symbols SentencePiece would match them inside other words. The same texts give
the same tokenizer.
"""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Iterable, Sequence

import regex
import sentencepiece

from model.text import is_word_character, normalised
from model.tokenizer import END_ID, KINDS, MARK, UNKNOWN_ID, Tokenizer, marked_segments
from training.errors import TokenizerFitError

_log = logging.getLogger(__name__)

_MODEL_TYPES = {"subword": "bpe", "word": "word", "character": "char"}
_N_SPECIAL = END_ID + 2  # padding, unknown, <s>, </s> and the newline
_MAX_COUNTED = 2_000_000  # distinct segments in memory; beyond it the rarest are forgotten
_MAX_LENGTH = 1_000  # code points of a segment; longer ones teach nothing and slow SentencePiece down
_COVERAGE = 0.99999  # of all characters; the rarest remaining ones are unknown
_NEVER = regex.compile(rf"[\p{{Cc}}\p{{Cs}}{MARK}]")  # characters that are unknown in every vocabulary


def fit_tokenizer(paragraphs: Iterable[str], kind: str, vocabulary_size: int, always: Sequence[str] = ()) -> Tokenizer:
    """A tokenizer of `kind` with at most `vocabulary_size` pieces, the four special ones and the newline included.

    `paragraphs`: normalised texts, read once. `always`: words that must be single pieces, with and without the mark, as
    given and with a capital; for the character kind only their letters are held. A corpus that offers less than
    `vocabulary_size` gives a smaller vocabulary, and a warning in the log.
    Raises TokenizerFitError when the texts are empty, or the vocabulary is too small for its characters or `always`.
    """
    if kind not in KINDS:
        raise TokenizerFitError(f"tokenizer kind {kind!r} does not exist; expected one of {', '.join(KINDS)}.")
    forms = [form for word in _checked(always) for form in _forms(word)]
    counts = _count_characters(paragraphs) if kind == "character" else count_segments(paragraphs)
    if not counts:
        raise TokenizerFitError("cannot fit a tokenizer to empty texts. Give texts with at least one word.")
    if kind != "word":
        alphabet = _alphabet(counts, forms, vocabulary_size - _N_SPECIAL, share=1.0 if kind == "character" else 0.5)
        counts = _cut(counts, alphabet)
    if kind == "character":
        counts += Counter(alphabet)
        tokenizer = _fit(counts, kind, vocabulary_size)
    else:
        tokenizer = _fit_holding(forms, counts, kind, vocabulary_size)
    if tokenizer.vocabulary_size < vocabulary_size:
        offered = tokenizer.vocabulary_size
        _log.warning("the texts offer only %d %s pieces; %d were asked for", offered, kind, vocabulary_size)
    return tokenizer


def count_segments(paragraphs: Iterable[str], max_counted: int = _MAX_COUNTED) -> Counter[str]:
    """How often each segment, with the space before it, stands in the texts; newlines are left out.

    Memory is bounded: whenever more than `max_counted` different ones are held, the rarest are forgotten until at most
    half as many remain, so the counts of rare segments may come out too low.
    """
    counts: Counter[str] = Counter()
    for paragraph in paragraphs:
        counts.update(marked_segments(paragraph))
        if len(counts) > max_counted:
            _forget_rarest(counts, max_counted // 2)
    return Counter({segment: n for segment, n in counts.items() if _is_counted(segment)})


def _count_characters(paragraphs: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for paragraph in paragraphs:
        counts.update(paragraph)
    return Counter({character: n for character, n in counts.items() if not _NEVER.match(character)})


def _is_counted(segment: str) -> bool:
    return segment != " " and segment[0] != "\n" and len(segment) <= _MAX_LENGTH and not _NEVER.search(segment)


def _forget_rarest(counts: Counter[str], n_kept: int) -> None:
    n_with = Counter(counts.values())
    remaining, too_rare = len(counts), 0
    while remaining > n_kept:
        too_rare += 1
        remaining -= n_with[too_rare]
    for segment in [segment for segment, n in counts.items() if n <= too_rare]:
        del counts[segment]


def _checked(always: Sequence[str]) -> list[str]:
    for word in always:
        if not normalised(word) or not all(map(is_word_character, normalised(word))):
            raise TokenizerFitError(
                f"{word!r} cannot be a single piece: expected one word of letters and digits only. "
                "Leave it out: words with spaces or punctuation in them are always several pieces."
            )
    return [normalised(word) for word in always]


def _forms(word: str) -> list[str]:
    """The word as segments: after a space or not, as given and with a capital."""
    first = word[0].upper() if len(word[0].upper()) == 1 else word[0]
    capital = first + word[1:]
    return list(dict.fromkeys((" " + word, word, " " + capital, capital)))


def _alphabet(counts: Counter[str], forms: Sequence[str], room: int, share: float) -> set[str]:
    """The characters that become pieces: all of `forms`, then the most frequent, in at most this share of the room."""
    needed = {" "}.union(*forms)
    if room < len(needed):
        raise TokenizerFitError(
            f"a vocabulary of {room + _N_SPECIAL} pieces is too small: {_N_SPECIAL} are special, and {len(needed)} are "
            f"the space and the letters that must be held. Ask for at least {len(needed) + _N_SPECIAL}."
        )
    characters: Counter[str] = Counter()
    for segment, n in counts.items():
        for character in segment:
            characters[character] += n
    enough = _COVERAGE * characters.total()
    covered = sum(characters[character] for character in needed)
    alphabet = set(needed)
    for character, n in sorted(characters.items(), key=lambda item: (-item[1], item[0])):
        if covered >= enough or len(alphabet) >= share * room:
            break
        if character not in alphabet:
            alphabet.add(character)
            covered += n
    return alphabet


def _cut(counts: Counter[str], alphabet: set[str]) -> Counter[str]:
    """The counts of the parts that are left of the segments when every character outside the alphabet is cut out."""
    parts: Counter[str] = Counter()
    for segment, n in counts.items():
        if alphabet.issuperset(segment):
            parts[segment] += n
            continue
        for part in "".join(c if c in alphabet else "\n" for c in segment).split("\n"):
            if part:
                parts[part] += n
    return parts


def _fit_holding(forms: Sequence[str], counts: Counter[str], kind: str, vocabulary_size: int) -> Tokenizer:
    """Fits with the counts of `forms` raised until each is one piece: gently first, as that bends the rest least."""
    ordered = sorted(counts.values(), reverse=True)
    largest = ordered[0]
    floor = max(10, ordered[min(vocabulary_size // 8, len(ordered) - 1)])
    while True:
        raised = Counter({form: max(floor, counts[form]) for form in forms})
        tokenizer = _fit(counts | raised, kind, vocabulary_size)
        broken = [form for form in forms if not _is_one_piece(tokenizer.encode_segment(form))]
        if not broken:
            return tokenizer
        if floor > largest:
            raise TokenizerFitError(
                f"a {kind} vocabulary of {vocabulary_size} pieces is too small to hold "
                f"{', '.join(form.replace(' ', MARK) for form in broken)} as single pieces. "
                "Ask for a larger vocabulary, or for fewer words."
            )
        floor = min(16 * floor, largest + 1)


def _is_one_piece(ids: list[int]) -> bool:
    return len(ids) == 1 and ids[0] != UNKNOWN_ID


def _fit(counts: Counter[str], kind: str, vocabulary_size: int) -> Tokenizer:
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(f"{segment}\t{n}" for segment, n in sorted(counts.items())),
            input_format="tsv",
            model_writer=written,
            model_type=_MODEL_TYPES[kind],
            vocab_size=vocabulary_size,
            hard_vocab_limit=False,
            character_coverage=1.0,  # the table has been cut to the alphabet already
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=False,
            split_by_number=False,
            max_sentence_length=8 * _MAX_LENGTH,  # bytes
            max_sentencepiece_length=64,
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            user_defined_symbols=["\n"],
            num_threads=1,
            minloglevel=2,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise TokenizerFitError(
            f"SentencePiece could not fit a {kind} vocabulary of {vocabulary_size} pieces ({error}). "
            "Ask for another size, or give more text."
        ) from error
    return Tokenizer.load(written.getvalue(), kind)
