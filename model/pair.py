"""Which of two words would come next, asked at many places of a text at once.

The rules of a target's score are the cloze's own (scoring.py, context "left"): a pair is prepared as a cloze once for
each way in which a place can change its words, and what is asked there is then asked everywhere. Knows states of the
network; knows nothing of texts that stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.bundle import Bundle
from model.cells import Array
from model.cloze import ClozeRequest, ClozeWarning
from model.errors import RequestError, TargetError, TargetTooLongError
from model.limits import Limits
from model.prepared import PreparedCloze, prepare
from model.runtime import Runtime, State
from model.scores import READOUT_CHUNK, WORD_ENDS
from model.trace import activations

Path = tuple[int, ...]


class Situation(NamedTuple):
    """What of a place changes the words that are asked there."""

    capital: bool
    """A sentence starts, so a lower-case word gets a capital letter."""
    line_start: bool
    """Nothing, or a newline, stands before: no space is read before the word."""


SITUATIONS = tuple(Situation(capital, line_start) for capital in (False, True) for line_start in (False, True))


class Window:
    """Ids read in one go, and the states between them: place k is where k of them have been read."""

    def __init__(self, runtime: Runtime, weights: Mapping[str, Array], ids: Sequence[int], state: State) -> None:
        """`state`: what to start from, each part (1, H)."""
        self._runtime, self._weights, self._ids, self._before = runtime, weights, ids, state
        self._layers: tuple[Array, ...] = ()
        self.final_state = state
        if ids:
            reading = runtime.read("forward", [ids], state, all_layers=True, final_state=True)
            self._layers, self.final_state = tuple(layer[:, 0] for layer in reading.layers), reading.final_state
        self._states: State | None = None

    @property
    def top(self) -> Array:
        """(len(ids) + 1, H): hidden state of the top layer at every place."""
        first = self._before[-1][0]
        return np.concatenate([first, self._layers[-1]]) if self._layers else first

    def states(self, places: NDArray[np.int64]) -> State:
        """The whole state at some places, each part (n, H); the cell states are added up when first asked for."""
        if self._states is None:
            self._states = self._all_states() if self._layers else self._before
        return [tuple(part[places] for part in layer) for layer in self._states]

    def _all_states(self) -> State:
        states: State = []
        below: Array = self._weights["embedding"][list(self._ids)]
        for number, (h, before) in enumerate(zip(self._layers, self._before, strict=True)):
            parts = [h]
            if self._runtime.config.cell == "lstm":
                prefix = f"layer{number}.forward."
                parts.append(activations("lstm", self._weights, prefix, below, h, before)["cell_state"])
            states.append(tuple(np.concatenate([old, new]) for old, new in zip(before, parts, strict=True)))
            below = h
        return states


class PairQuestion:
    """log P(first) - log P(second) of a pair, for the text so far and a word that comes next."""

    def __init__(self, bundle: Bundle, runtime: Runtime, pair: tuple[str, str], limits: Limits) -> None:
        """Raises RequestError, with param "pair"."""
        self.pair = pair
        self._runtime, self._bundle = runtime, bundle
        try:
            prepared = {situation: _prepared(situation, self.pair, bundle, limits) for situation in SITUATIONS}
        except TargetTooLongError as error:
            error.param = "pair"
            raise
        except TargetError:  # its words are of blanks, and who asks for belief has none
            raise TargetError(
                f"the pair is {list(pair)!r:.80}; expected two words, and two different ones also where a sentence "
                "starts and both have a capital letter, such as he and she.",
                "pair",
            ) from None
        except RequestError as error:
            error.param = "pair"
            raise
        unasked = prepared[SITUATIONS[0]]
        self.temperature: float = unasked.temperature
        self.warnings: tuple[ClozeWarning, ...] = tuple(w for w in unasked.warnings if w.type == "unknown_target")
        self._terms = {situation: _terms(situation, prepared[situation], bundle) for situation in SITUATIONS}
        self._directions = {situation: self._direction(terms) for situation, terms in self._terms.items()}

    @property
    def n_readings(self) -> int:
        """Tokens read or read out for one place, at most; 1 where both words are one piece."""
        return 1 + max(
            0 if self._directions[situation] is not None else len({path for terms in words for path, _ in terms})
            for situation, words in self._terms.items()
        )

    def probability(self, window: Window, places: Sequence[int], situations: Sequence[Situation]) -> Array:
        """(n,) P(first) at places of a window, float64."""
        log_odds = np.zeros(len(places))
        for situation in set(situations):
            chosen = [number for number, one in enumerate(situations) if one == situation]
            log_odds[chosen] = self._log_odds(window, np.array([places[number] for number in chosen]), situation)
        return np.asarray(0.5 * (1 + np.tanh(log_odds / self.temperature / 2)))

    def _log_odds(self, window: Window, places: NDArray[np.int64], situation: Situation) -> Array:
        direction = self._directions[situation]
        if direction is not None:
            weight, bias = direction
            return np.asarray(window.top[places] @ weight + bias)
        distinct, back = np.unique(places, return_inverse=True)
        values = self._values(window.top[distinct], window.states(distinct), situation)
        first, second = (sum(values[term] for term in terms) for terms in self._terms[situation])
        return np.asarray(first - second)[back]

    def _direction(self, terms: Sequence[Sequence[tuple[Path, int]]]) -> tuple[Array, float] | None:
        """Where both words are one piece: the log-odds are h . weight + bias, for the sum over the vocabulary cancels.

        logit(a) - logit(b) = (embedding[a] - embedding[b]) . (P_f h + projection_bias) + bias[a] - bias[b]
        """
        if any(path or piece == WORD_ENDS for word in terms for path, piece in word):
            return None
        ((_, first),), ((_, second),) = terms
        w = {name: self._bundle.weights[name].astype(np.float64) for name in ("output.forward.weight", "output.bias")}
        embedding = self._bundle.weights["embedding"][[first, second]].astype(np.float64)
        difference = embedding[0] - embedding[1]  # (E,)
        bias = difference @ self._bundle.weights["output.projection_bias"].astype(np.float64)
        return difference @ w["output.forward.weight"], float(bias + w["output.bias"][first] - w["output.bias"][second])

    def _values(self, top: Array, state: State, situation: Situation) -> dict[tuple[Path, int], Array]:
        """The value (n,) in nats of each term, from the top hidden states (n, H) and the states at n places."""
        asked: dict[Path, set[int]] = {}
        for path, piece in {term for terms in self._terms[situation] for term in terms}:
            asked.setdefault(path, set()).add(piece)
        reached: dict[Path, tuple[Array, State]] = {(): (top, state)}
        values = {}
        for path in sorted({whole[:n] for whole in asked for n in range(len(whole) + 1)}, key=len):
            if path:
                reading = self._runtime.read("forward", [path[-1:]] * len(top), reached[path[:-1]][1], final_state=True)
                reached[path] = reading.top[0], reading.final_state
            for piece, value in self._read_out(reached[path][0], asked.get(path, set())).items():
                values[path, piece] = value
        return values

    def _read_out(self, top: Array, pieces: set[int]) -> dict[int, Array]:
        values: dict[int, list[Array]] = {piece: [] for piece in pieces}
        for start in range(0, len(top) if pieces else 0, READOUT_CHUNK):
            rows = self._runtime.log_probabilities(top[start : start + READOUT_CHUNK])  # (n, V)
            for piece in pieces:
                if piece == WORD_ENDS:
                    ends = rows[:, ~self._bundle.tokenizer.continues]
                    values[piece].append(np.logaddexp.reduce(ends.astype(np.float64), axis=1))
                else:
                    values[piece].append(rows[:, piece].astype(np.float64))
        return {piece: np.concatenate(parts) for piece, parts in values.items()}


def checked_pair(pair: Sequence[str]) -> tuple[str, str]:
    """Two words. Raises TargetError for anything else."""
    if isinstance(pair, str) or len(pair) != 2 or not all(isinstance(word, str) for word in pair):
        raise TargetError(f"the pair is {pair!r:.80}; expected two words, such as he and she.", "pair")
    return pair[0], pair[1]


def _prepared(situation: Situation, pair: tuple[str, str], bundle: Bundle, limits: Limits) -> PreparedCloze:
    text = _before(situation) + ("\n" if situation.line_start else " ") + "___"
    return prepare(ClozeRequest(text, (pair,), None, "left"), bundle, limits)


def _before(situation: Situation) -> str:
    return "x." if situation.capital else "x"


def _terms(situation: Situation, prepared: PreparedCloze, bundle: Bundle) -> list[list[tuple[Path, int]]]:
    """What is asked of each word: pieces, each after the pieces (a space among them) read since the place."""
    n_before = 1 + len(bundle.tokenizer.encode_ids(_before(situation)))
    if situation.line_start:
        n_before += 1
    terms = [(term.place.left[n_before : term.place.n_left], term.piece) for term in prepared.terms]
    return [[terms[index] for index in indices] for indices in prepared.sums]
