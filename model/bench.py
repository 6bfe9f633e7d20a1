"""`anaphora bench fill` and `anaphora bench trace`: how long an answer takes beside the bare calls it stands on.

Both sides of a ratio run in turn in one process, pair by pair, so that a machine whose speed drifts does not favour
one; the median of the pairs is printed. Weights are random: speed does not depend on what they say.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from model.bundle import Bundle
from model.cells import CELL_TYPES
from model.cloze import ClozeRequest
from model.config import NetworkConfig
from model.errors import AnaphoraError
from model.language_model import LanguageModel, load
from model.structure import weight_shapes
from model.trace import TraceRequest
from model.whole_number import whole_number

WORDS = ("the", "old", "man", "said", "that", "it", "was", "late", "and", "went", "into", "the", "house", "with")


def fill(argv: Sequence[str]) -> int:
    """A he/she cloze in process against the bare ONNX Runtime calls of the same graphs on the same ids."""
    arguments = _parser("fill", fill.__doc__).parse_args(argv)
    language_model = random_language_model(arguments)
    text = text_of(language_model, arguments.tokens)
    bare = bare_calls(language_model, text)
    figures = paired(lambda: language_model.cloze(text), bare, arguments.repeats)
    _print("he/she cloze", "bare ONNX Runtime calls", figures, arguments)
    return 0


def trace(argv: Sequence[str]) -> int:
    """A cloze with all gates of all units traced against the same cloze without."""
    arguments = _parser("trace", trace.__doc__).parse_args(argv)
    language_model = random_language_model(arguments)
    text = text_of(language_model, arguments.tokens)
    everything = TraceRequest(units="all")
    figures = paired(
        lambda: language_model.cloze(text, trace=everything), lambda: language_model.cloze(text), arguments.repeats
    )
    _print("cloze with trace", "cloze", figures, arguments)
    return 0


def _parser(name: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"anaphora bench {name}", description=description)
    parser.add_argument("--model", default="en-lstm", help="whose tokenizer is used; the weights are random")
    parser.add_argument("--cell", choices=tuple(CELL_TYPES), default="lstm")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--embedding", type=int, default=256)
    parser.add_argument("--tokens", type=whole_number(), default=20, help="tokens of the text, <s> and </s> counted")
    parser.add_argument("--threads", type=whole_number(), default=1, help="threads of one call")
    parser.add_argument("--repeats", type=whole_number(), default=200, help="pairs that are timed")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to a file")
    return parser


def random_language_model(arguments: argparse.Namespace) -> LanguageModel:
    """A bidirectional network of the sizes asked for, with random weights and a shipped tokenizer."""
    bundle = load(arguments.model).bundle
    config = NetworkConfig(
        n_layers=arguments.layers,
        direction="bidirectional",
        hidden_size=arguments.hidden,
        embedding_size=arguments.embedding,
        vocabulary_size=bundle.tokenizer.vocabulary_size,
        cell=arguments.cell,
    )
    random = np.random.default_rng(0)
    weights = {
        name: (0.05 * random.standard_normal(shape)).astype(np.float32) for name, shape in weight_shapes(config).items()
    }
    made = Bundle("random", config, bundle.tokenizer, weights, bundle.metadata, "", "")
    return LanguageModel(made, threads=arguments.threads)


def text_of(language_model: LanguageModel, n_tokens: int) -> str:
    """A text with one blank in its middle that is `n_tokens` tokens long, <s> and </s> counted."""
    words: list[str] = []
    while 2 + len(language_model.tokenizer.encode_ids(" ".join([*words, "he"]))) < n_tokens:
        words.append(WORDS[len(words) % len(WORDS)])
    middle = len(words) // 2
    text = " ".join([*words[:middle], "___", *words[middle:]])
    if (found := 2 + len(language_model.tokenizer.encode_ids(text.replace("___", "he")))) != n_tokens:
        raise AnaphoraError(f"no text of {n_tokens} tokens was found, the nearest has {found}; try another --tokens.")
    return text


def bare_calls(language_model: LanguageModel, text: str) -> Callable[[], object]:
    """The same graphs on the same ids, every input made beforehand: what no server of this network can beat."""
    place = language_model.prepare(ClozeRequest(text)).terms[0].place
    return language_model.runtime.bare_calls(place.left[: place.n_left], place.right or ())


def paired(ours: Callable[[], object], baseline: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median milliseconds of both and the median of their ratios, run in turn."""
    for _ in range(10):
        ours()
        baseline()
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        started = time.perf_counter()
        ours()
        between = time.perf_counter()
        baseline()
        times.append((between - started, time.perf_counter() - between))
    ratios = sorted(a / b for a, b in times)
    return {
        "milliseconds": 1000 * statistics.median(a for a, _ in times),
        "baseline_milliseconds": 1000 * statistics.median(b for _, b in times),
        "ratio": statistics.median(ratios),
        "ratio_lower_quartile": ratios[len(ratios) // 4],
        "ratio_upper_quartile": ratios[3 * len(ratios) // 4],
    }


def _print(name: str, baseline: str, figures: dict[str, float], arguments: argparse.Namespace) -> None:
    record: dict[str, Any] = {
        "what": name,
        "baseline": baseline,
        "figures": figures,
        "settings": {key: value for key, value in vars(arguments).items() if key != "json"},
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "onnxruntime": onnxruntime.__version__,
    }
    shape = f"{arguments.layers} x {arguments.hidden} {arguments.cell}, {arguments.tokens} tokens"
    sys.stdout.write(
        f"{name} ({shape}, {arguments.threads} thread): {figures['milliseconds']:.2f} ms\n"
        f"{baseline}: {figures['baseline_milliseconds']:.2f} ms\n"
        f"ratio: {figures['ratio']:.2f} (median of {arguments.repeats} pairs; "
        f"quartiles {figures['ratio_lower_quartile']:.2f} to {figures['ratio_upper_quartile']:.2f})\n"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
