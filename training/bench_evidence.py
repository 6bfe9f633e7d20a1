"""`anaphora bench evidence`: how evidence goes together with leaving whole words out and with integrated gradients.

On pronouns mined from text. Three comparisons: the sum of a word's evidence, piece by piece, with what leaving the word
out of the text does, for words of several pieces and, as a check, of one; and each token's evidence with its integrated
gradients. Beside the latter stands the cheaper gradient times input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from model.cells import Array
from model.cloze import ClozeRequest
from model.evidence import TokenEvidence
from model.language_model import LanguageModel, load
from model.network import Network
from model.text import is_word_character
from model.tokenizer import MARK
from model.whole_number import whole_number
from training.attribution import N_STEPS, integrated_gradients
from training.corpus import read_documents
from training.errors import EvaluationError
from training.evaluation.bootstrap import bootstrap_interval
from training.evaluation.cloze_suite import sampled
from training.evaluation.correlation import pearson, spearman
from training.evaluation.metrics import Interval
from training.evaluation.tables import Table, interval, share
from training.mining import ClozeItem, Window, mine
from training.pronouns import load_pairs

DEFAULT_ITEMS = 200
WINDOW = Window(200, 80)
COMPARISONS = {
    "words of several pieces": "evidence of the pieces, summed / the word left out",
    "words of one piece": "evidence / the word left out",
    "integrated gradients": "evidence / integrated gradients, a token",
    "gradient times input": "evidence / gradient times input, a token",
    "the two gradients": "integrated gradients / gradient times input",
}


@dataclass
class Compared:
    """Two numbers of the same thing, many times, and which text each is of."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)

    def add(self, text: int, ours: Sequence[float] | Array, theirs: Sequence[float] | Array) -> None:
        self.ours += map(float, ours)
        self.theirs += map(float, theirs)
        self.texts += [text] * len(ours)

    def figures(self, seed: int) -> dict[str, Any]:
        """Correlations with intervals over texts; how often both call the same one of a text the strongest."""
        x, y = np.array(self.ours), np.array(self.theirs)
        groups = [np.flatnonzero(np.array(self.texts) == text) for text in dict.fromkeys(self.texts)]
        same = [float(np.argmax(np.abs(x[g])) == np.argmax(np.abs(y[g]))) for g in groups if len(g) > 1]
        chance = [1 / len(g) for g in groups if len(g) > 1]
        figures: dict[str, Any] = {"n": len(x), "n_texts": len(groups)}
        for name, measure in (("pearson", pearson), ("spearman", spearman)):
            found = bootstrap_interval(lambda which, m=measure: m(x[which], y[which]), self.texts, seed)  # type: ignore[misc]
            figures[name] = {"value": measure(x, y), "low": found.low, "high": found.high}
        figures["same_strongest"] = {
            "value": float(np.mean(same)) if same else float("nan"),
            "chance": float(np.mean(chance)) if chance else float("nan"),
        }
        figures["mean_difference"] = float(np.mean(np.abs(x - y))) if len(x) else float("nan")
        return figures


def main(argv: Sequence[str]) -> int:
    """Prints a table a bundle. Raises EvaluationError where nothing is mined."""
    arguments = _parser().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    pairs = load_pairs()
    pair = pairs.pairs[0]
    mined = mine(read_documents(arguments.data), pairs, Window(arguments.left, arguments.right))
    items = sampled(mined, [pair], arguments.items, arguments.seed)[pair.name]
    if not items:
        raise EvaluationError(f"no {pair.name} is in these texts; name others with --data.")
    records = []
    for name in arguments.bundle:
        record = study(load(name), items, arguments.seed, arguments.steps)
        records.append(record)
        sys.stdout.write(f"{table(record)}\n")
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in ("items", "left", "right", "steps", "seed")}
        content = {"what": "evidence", "data": list(map(str, arguments.data)), **settings, "results": records}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anaphora bench evidence", description=__doc__)
    parser.add_argument("bundle", nargs="+", metavar="NAME_OR_DIR", help="a shipped model or a bundle")
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="PATH", help="texts to mine")
    parser.add_argument("--items", type=whole_number(), default=DEFAULT_ITEMS, metavar="N", help="pronouns, sampled")
    parser.add_argument(
        "--left", type=whole_number(0), default=WINDOW.left, metavar="N", help="most characters before the blank"
    )
    parser.add_argument(
        "--right", type=whole_number(0), default=WINDOW.right, metavar="N", help="most characters after it"
    )
    parser.add_argument(
        "--steps", type=whole_number(), default=N_STEPS, metavar="N", help="points of the integrated gradients"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the sample and the bootstrap")
    parser.add_argument("--threads", type=whole_number(), default=1, help="of torch")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to a file")
    return parser


def study(language_model: LanguageModel, items: Sequence[ClozeItem], seed: int, n_steps: int) -> dict[str, Any]:
    """The figures of one bundle; a causal one is asked with the left side only, as gradients are."""
    forms = items[0].pair.forms
    both = language_model.config.direction == "bidirectional"
    context = "both" if both else "left"
    network = Network(language_model.config)
    network.load_weights(language_model.bundle.weights)
    found = {name: Compared() for name in COMPARISONS}
    n_skipped = 0
    for number, item in enumerate(tqdm(items, desc=language_model.name, unit=" items", disable=None)):
        result = language_model.cloze(item.text, list(forms), context=context, evidence="hold")
        assert result.evidence is not None
        tokens = result.evidence.tokens
        whole = _log_odds(result, forms)
        words = list(_words(item.text, tokens))
        left_out = [_without_word(item.text, tokens, word) for word in words]
        for word, answer in zip(words, language_model.cloze_batch(left_out, list(forms), context=context), strict=True):
            if _filled(answer) != _filled(result):  # the blank has come to a sentence's start
                n_skipped += 1
                continue
            ours = sum(tokens[place].log_odds_change or 0.0 for place in word)
            kind = "words of several pieces" if len(word) > 1 else "words of one piece"
            found[kind].add(number, [ours], [whole - _log_odds(answer, forms)])
        _add_gradients(found, number, language_model, network, item.text, tokens, forms, context, n_steps)
    return {
        "model": language_model.name,
        "sha256": language_model.sha256,
        "context": context,
        "n_items": len(items),
        "n_words_skipped": n_skipped,
        "comparisons": {name: pairs.figures(seed) for name, pairs in found.items()},
    }


def _add_gradients(
    found: dict[str, Compared],
    number: int,
    language_model: LanguageModel,
    network: Network,
    text: str,
    tokens: Sequence[TokenEvidence],
    forms: Sequence[str],
    context: str,
    n_steps: int,
) -> None:
    """Compares the evidence of the tokens but <s> and </s> with both gradients, where both words are one piece."""
    prepared = language_model.prepare(ClozeRequest(text, (tuple(forms),), context=context))
    if len(prepared.terms) != 2 or prepared.terms[0].place != prepared.terms[1].place:
        return
    (place, first), (_, second) = prepared.terms
    right = None if place.right is None else place.right[::-1]
    attribution = integrated_gradients(network, place.left[: place.n_left], right, (first, second), n_steps)
    blank = place.n_left
    read = [*range(1, blank), *range(blank + 1, blank + len(right or ()))]
    gaps = [0.0]  # the blank's
    integrated = np.concatenate([attribution.left, gaps, attribution.right])[read]
    products = np.concatenate([attribution.first_order[0], gaps, attribution.first_order[1]])[read]
    evidence = [tokens[index].log_odds_change or 0.0 for index in read]
    found["integrated gradients"].add(number, evidence, integrated)
    found["gradient times input"].add(number, evidence, products)
    found["the two gradients"].add(number, integrated, products)


def _words(text: str, tokens: Sequence[TokenEvidence]) -> Iterator[list[int]]:
    """The tokens of each word of letters and digits, in order; the blank is none.

    A word-start mark that is a piece of its own belongs to the word after it.
    """
    word: list[int] = []
    has_letters = False
    for index, entry in enumerate(tokens):
        start, end = entry.token.start, entry.token.end
        is_mark = entry.token.text in (MARK, " ")  # where the text starts, and elsewhere
        is_part = entry.log_odds_change is not None and end > start and is_word_character(text[end - 1])
        if word and (not is_part or tokens[word[-1]].token.end != start):
            if has_letters:
                yield word
            word, has_letters = [], False
        if is_mark or is_part:
            word.append(index)
            has_letters |= is_part
    if has_letters:
        yield word


def _without_word(text: str, tokens: Sequence[TokenEvidence], word: Sequence[int]) -> str:
    """The text without a word and one space beside it."""
    start, end = tokens[word[0]].token.start, tokens[word[-1]].token.end
    if text[start] != " " and text[start - 1 : start] == " ":
        start -= 1
    elif start == 0 and text[end : end + 1] == " ":
        end += 1
    return text[:start] + text[end:]


def _log_odds(result: Any, forms: Sequence[str]) -> float:
    nats = {prediction.target: prediction.log_probability for prediction in result.blanks[0].predictions}
    return float(nats[forms[0]] - nats[forms[1]])


def _filled(result: Any) -> dict[str, str]:
    return {prediction.target: prediction.filled for prediction in result.blanks[0].predictions}


def table(record: dict[str, Any]) -> Table:
    """The figures of one bundle for a person."""
    rows = []
    for name, meaning in COMPARISONS.items():
        found = record["comparisons"][name]
        cells = [f"{found['n']:,}"]
        for measure in ("pearson", "spearman"):
            value = found[measure]
            cells += [share(value["value"]), _bounds(value)]
        same = found["same_strongest"]
        rows.append((meaning, *cells, share(same["value"]), share(same["chance"])))
    title = f"{record['model']}: evidence of {record['n_items']:,} pronouns, context {record['context']}"
    header = ("", "n", "Pearson", "95 %", "Spearman", "95 %", "same strongest", "by chance")
    return Table(title, header, tuple(rows))


def _bounds(value: dict[str, float]) -> str:
    return interval(Interval(value["low"], value["high"]))
