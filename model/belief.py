"""P(first of a pair) at every token of a text of any length, if a pronoun came next: the forward half only.

Defined by the cloze: at a token it is the cloze with context "left" on the text up to the token's end, a space, and a
blank. No place lies inside a word, before the end of a word-start mark's own word, or inside what the normaliser reads
as one (`...` from one character): there it is None.

A text comes in chunks, cut anywhere. What is read for good ends before the last whitespace, for what comes next can
change what stands before it (a word grows, a mark joins its letter, two hyphens are a dash) but nothing before a
whitespace; the rest is pending and read again. Offsets are code points of the whole text as sent, over all its chunks.

Letters: H units, N code points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import regex

from model.belief_state import BeliefState
from model.bundle import Bundle
from model.cloze import ClozeWarning
from model.equations import always
from model.errors import AbandonedError, TextTooLongError
from model.pair import PairQuestion, Situation, Window
from model.runtime import Runtime, State
from model.text import VANISHING, WHITESPACE, NormalisedText, is_word_character, normalise, normalised
from model.tokenizer import MARK, Tokenizer

WINDOW_TOKENS, LEAST_WINDOW_TOKENS = 512, 16
"""Ids read at once where each costs one reading; fewer where words of several pieces cost more, but not below."""
SLICE_CHARACTERS = 8192
"""Code points normalised at once, however much is fed."""
MAX_STRETCH = 16_384
"""Code points that may stand between two whitespaces; all of them are pending."""
LONG_RUN = 64
"""Code points of whitespace beyond which a run is carried in short."""

_LAST_WHITESPACE = regex.compile(f"(?r)[{WHITESPACE}]")
_FIRST_WHITESPACE = regex.compile(f"[{WHITESPACE}]")
_SENTENCE_END = regex.compile(r"""[.!?]["')\]]*\s*""")
"""After this and a space a word gets a capital letter: the rule of model/blanks.py, for all places in one pass."""


@dataclass(frozen=True)
class BeliefToken:
    """A token and what is believed once it is read."""

    text: str
    """As it stands in the text; whitespace as it is read."""
    start: int
    end: int
    probability: float | None
    """P(first of the pair); None where a word, or a character, goes on."""
    provisional: bool = False
    """What comes next can change it: it comes again."""

    def to_dict(self) -> dict[str, Any]:
        """One entry of "tokens" in the HTTP reply."""
        return dict(vars(self))


@dataclass(frozen=True)
class Belief:
    """The answer for one text: its tokens, and the state with which the next chunk goes on."""

    tokens: tuple[BeliefToken, ...]
    state: str
    warnings: tuple[ClozeWarning, ...]
    """Of words of the pair that the model cannot read."""


class BeliefStream:
    """One text, read as it comes. Memory does not grow with it. Not for several threads at a time."""

    def __init__(
        self,
        bundle: Bundle,
        runtime: Runtime,
        question: PairQuestion,
        state: str | None,
        is_wanted: Callable[[], bool] = always,
    ) -> None:
        """`state`: of an earlier stream of the same model and pair, to go on. Raises StateError.

        `is_wanted` is asked now and then while a text is read; where it says no, that raises AbandonedError.
        """
        self._bundle, self._runtime, self._question, self._is_wanted = bundle, runtime, question, is_wanted
        self._waiting: list[BeliefToken] = []
        if state is not None:
            self._at = BeliefState.from_string(state, bundle.sha256, self.pair, bundle.network)
        else:
            begin = bundle.tokenizer.begin_id
            window = Window(runtime, bundle.weights, [begin], runtime.initial_state(1))
            (probability,) = self._question.probability(window, [1], [Situation(capital=True, line_start=True)])
            self._waiting.append(BeliefToken(bundle.tokenizer.pieces[begin], 0, 0, float(probability)))
            self._at = BeliefState(window.final_state)

    @property
    def pair(self) -> tuple[str, str]:
        """The words that are asked; the probability is the first one's."""
        return self._question.pair

    @property
    def warnings(self) -> tuple[ClozeWarning, ...]:
        """Of words of the pair that the model cannot read."""
        return self._question.warnings

    @property
    def n_readings(self) -> int:
        """How much a token costs, in tokens: 1 where both words are one piece."""
        return self._question.n_readings

    @property
    def pending(self) -> str:
        """What was fed and is read again with what comes next."""
        return self._at.pending

    @property
    def state(self) -> str:
        """Where the stream stands, for another one to go on from: after the tokens that `feed` has returned."""
        return self._at.to_string(self._bundle.sha256, self.pair)

    def feed(self, text: str) -> list[BeliefToken]:
        """Reads on; returns the tokens that are settled by now and were not before, <s> the first of all.

        Raises TextTooLongError where there is no whitespace for too long; the stream then stands where it stood.
        """
        before, tokens = self._at, self._waiting
        try:
            for start in range(0, len(text), SLICE_CHARACTERS):
                tokens = tokens + self._settle(text[start : start + SLICE_CHARACTERS])
        except BaseException:
            self._at = before
            raise
        self._waiting = []
        return tokens

    def provisional(self) -> list[BeliefToken]:
        """The tokens that are not settled yet, as if the text ended here. Changes nothing."""
        return _Reading(self, self._at.pending, provisional=True).tokens

    def finish(self) -> list[BeliefToken]:
        """The last tokens of a text that ends here, <s> among them if nothing was fed."""
        return self._waiting + _Reading(self, self._at.pending, provisional=False).tokens

    def _settle(self, text: str) -> list[BeliefToken]:
        at = self._at
        found = _FIRST_WHITESPACE.search(text)
        last = _LAST_WHITESPACE.search(at.pending)
        n_since = len(at.pending) - (last.end() if last else 0)
        if n_since + (found.start() if found else len(text)) > MAX_STRETCH:
            raise TextTooLongError(
                f"after character {at.place + at.skipped:,} there is no whitespace in more than {MAX_STRETCH:,} "
                "characters, which is the limit. Is this a text?"
            )
        pending = at.pending + text
        start, end = _last_run(pending)
        if start == end:
            self._at = _moved(at, at.place, at.skipped, pending)
            return []
        reading = _Reading(self, pending[:start], provisional=False)
        place, skipped = (at.place, at.skipped) if start == 0 else (reading.offset(start), 0)
        run, rest = _shortened(pending[start:end], at_end=end == len(pending)), pending[end:]
        skipped += end - start - len(run)
        self._at = BeliefState(reading.state, place, skipped, reading.started, reading.after_sentence, run + rest)
        return reading.tokens


def _moved(at: BeliefState, place: int, skipped: int, pending: str) -> BeliefState:
    return BeliefState(at.network, place, skipped, at.started, at.after_sentence, pending)


class _Reading:
    """Pending characters read from where a stream stands: their tokens, and where that leaves the network."""

    def __init__(self, stream: BeliefStream, source: str, *, provisional: bool) -> None:
        at = self._at = stream._at
        self._provisional = provisional
        self._tokenizer: Tokenizer = stream._bundle.tokenizer
        # A letter or a full stop stands for all that is read, so that whitespace after it is not at the text's start.
        self._n_anchor = int(at.started)
        anchor = ("." if at.after_sentence else "x") * self._n_anchor
        self._text: NormalisedText = normalise(anchor + source)
        text = self._text.text
        encoding = self._tokenizer.encode(text)
        first = sum(end <= self._n_anchor for end in encoding.ends[:4]) if anchor else 0
        self._ids, self._starts, self._ends = (
            values[first:] for values in (encoding.ids, encoding.starts, encoding.ends)
        )
        self.started = bool(text)
        self._capital = self._capitals()
        self.after_sentence = at.after_sentence if not self._ids else self._capital[len(text)]
        self.state: State = at.network
        self.tokens: list[BeliefToken] = []
        size = max(LEAST_WINDOW_TOKENS, WINDOW_TOKENS // stream.n_readings)
        for start in range(0, len(self._ids), size):
            if not stream._is_wanted():
                raise AbandonedError("nobody waits for this reading any more")
            ids = self._ids[start : start + size]
            window = Window(stream._runtime, stream._bundle.weights, ids, self.state)
            self.tokens += self._read(stream._question, window, range(start, start + len(ids)))
            self.state = window.final_state

    def offset(self, index: int) -> int:
        """Where a code point of the source stands in the whole text."""
        return self._at.place + index + (self._at.skipped if index else 0)

    def _capitals(self) -> list[bool]:
        """(N + 1,) whether a word would get a capital letter after the text up to there and a space."""
        text = self._text.text
        capitals = [False] * (len(text) + 1)
        capitals[0] = not self._at.started
        for found in _SENTENCE_END.finditer(text):
            capitals[found.start() + 1 : found.end() + 1] = [True] * (found.end() - found.start())
        return capitals

    def _read(self, question: PairQuestion, window: Window, numbers: range) -> list[BeliefToken]:
        """The tokens of a window, by their numbers in this reading."""
        text, is_character = self._text.text, self._tokenizer.kind == "character"
        asked, places, situations = [], [], []
        for number in numbers:
            if self._goes_on(number):
                continue
            place, end = number - numbers.start + 1, self._ends[number]
            if is_character and text[end - 1] == " ":  # the space before the word is that of the rule
                place, end = place - 1, end - 1
            asked.append(number)
            places.append(place)
            situations.append(Situation(self._capital[end], end == 0 or text[end - 1] == "\n"))
        values: dict[int, float] = {}
        if asked:
            values = dict(zip(asked, question.probability(window, places, situations).tolist(), strict=True))
        return [self._token(number, values.get(number)) for number in numbers]

    def _goes_on(self, number: int) -> bool:
        """Whether no word could come after this token: it ends inside a word, or inside a character as sent."""
        text, end = self._text.text, self._ends[number]
        if self._tokenizer.kind != "character" and self._tokenizer.pieces[self._ids[number]] == MARK:
            return True
        if end == len(text):
            return False
        if is_word_character(text[end]) and is_word_character(text[end - 1]):
            return True
        return self._text.source_span(end, end)[0] < self._text.source_span(end - 1, end)[1]

    def _token(self, number: int, probability: float | None) -> BeliefToken:
        start, end = self._starts[number], self._ends[number]
        source_start, source_end = self._text.source_span(start, end)
        shown = self._text.text[start:end]
        if shown.strip(" \n"):
            shown = self._text.source[source_start:source_end]
        return BeliefToken(
            shown or self._tokenizer.pieces[self._ids[number]],
            self.offset(source_start - self._n_anchor),
            self.offset(source_end - self._n_anchor),
            probability,
            self._provisional,
        )


def _last_run(text: str) -> tuple[int, int]:
    """The last run of whitespace, and of what vanishes between, in a text as sent; (0, 0) without one."""
    last = _LAST_WHITESPACE.search(text)
    if last is None:
        return 0, 0
    n_before = len(text[: last.end()].rstrip(WHITESPACE + VANISHING))
    first = _FIRST_WHITESPACE.search(text, n_before)
    assert first is not None
    return first.start(), last.end()


def _shortened(run: str, *, at_end: bool) -> str:
    """A run of whitespace that reads as `run` does, and has few code points; `at_end`: more of it may come."""
    if len(run) <= LONG_RUN:
        return run
    read = normalised(f"x{run}x")[1:-1]
    n_whitespace = len(run.replace("\r\n", "\n").translate(dict.fromkeys(map(ord, VANISHING))))
    if n_whitespace < 3:  # it holds little but what vanishes
        return run
    short = {" ": "  ", "\n": " \n", "\n\n": "\n\n\n"}[read]  # none is its own normal form: one edit, as for `run`
    return short[:-1] + "\r" if at_end and run[-1] == "\r" else short
