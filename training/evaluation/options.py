"""What an evaluation may be told, and the words for it on a command line. Knows neither suites nor bundles."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from training.errors import EvaluationError
from training.evaluation.tracking_stories import DEFAULT_STORIES
from training.mining import LEFT_CHARACTERS, RIGHT_CHARACTERS, Window


@dataclass(frozen=True)
class Options:
    """What an evaluation may be told; the defaults are the headline protocol."""

    window: Window = field(default_factory=Window)
    """How much text a mined item shows."""
    pair_names: tuple[str, ...] = ()
    """Pairs to ask about; empty: all."""
    pairs_file: str | None = None
    """Pairs other than the bundle's own: a YAML file or a shipped name."""
    text_field: str = "text"
    """Field of the text in JSON lines and parquet."""
    limit: int | None = None
    """Fewer items, see Evaluation.limit."""
    seed: int = 0
    """Of the sample that `limit` draws, of stories, of the bootstrap and of random answers."""
    n_stories: int = DEFAULT_STORIES
    """Stories of each sort (tracking)."""
    ngram: bool = True
    """Whether the n-gram baseline is wanted."""
    ngram_data: tuple[Path, ...] = ()
    """Texts to fit it on; empty: looked for around the data."""
    cache: Path | None = None
    """Folder of fitted n-grams; None: the user's cache folder."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise EvaluationError(f"a limit of {self.limit} items leaves nothing to score; expected 1 or more.")
        if self.seed < 0:
            raise EvaluationError(f"a seed of {self.seed}; expected 0 or more.")
        if self.ngram_data and not self.ngram:
            raise EvaluationError(
                "texts for the n-gram are given, and the n-gram is switched off; drop one of the two."
            )


DEFAULTS = Options()
"""The headline protocol."""


def options_of(arguments: argparse.Namespace) -> Options:
    """What the words of `add_options` say. Raises EvaluationError for values that cannot be."""
    return Options(
        window=Window(arguments.left, arguments.right, arguments.whole_document),
        pair_names=tuple(arguments.pair),
        pairs_file=arguments.pairs,
        text_field=arguments.text_field,
        limit=arguments.limit,
        seed=arguments.seed,
        n_stories=arguments.stories,
        ngram=not arguments.no_ngram,
        ngram_data=tuple(arguments.ngram_data),
        cache=arguments.cache,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The words for `Options`, which `anaphora compare` has as well."""
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="at most N items a pair (cloze, sampled), words (masked, sampled; default 1000), lines a file (pairs, "
        "winobias, gap), occupations and sentences (winogender), documents (perplexity)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of samples, stories, the bootstrap and random answers (default 0)"
    )
    parser.add_argument(
        "--stories",
        type=int,
        default=DEFAULT_STORIES,
        metavar="N",
        help=f"stories of each sort, an even number (tracking; default {DEFAULT_STORIES})",
    )
    parser.add_argument(
        "--text-field",
        default="text",
        metavar="NAME",
        help="field of JSON lines and parquet that holds the text (default text)",
    )
    cloze = parser.add_argument_group("the window (cloze, masked, gap); pairs of pronouns")
    cloze.add_argument(
        "--left",
        type=int,
        default=LEFT_CHARACTERS,
        metavar="N",
        help=f"most characters before the blank (default {LEFT_CHARACTERS})",
    )
    cloze.add_argument(
        "--right",
        type=int,
        default=RIGHT_CHARACTERS,
        metavar="N",
        help=f"most characters after the blank (default {RIGHT_CHARACTERS})",
    )
    cloze.add_argument(
        "--whole-document",
        action="store_true",
        help="let the window run on over the ends of paragraphs (cloze), show the whole text (gap)",
    )
    cloze.add_argument(
        "--pair",
        action="append",
        default=[],
        metavar="NAME",
        help="only this pair, e.g. he/she; may be repeated (cloze, tracking; default: all)",
    )
    cloze.add_argument(
        "--pairs", metavar="FILE", help="pairs other than the bundle's own: a YAML file, or english, spanish"
    )
    ngram = parser.add_argument_group("n-gram baseline")
    ngram.add_argument(
        "--ngram-data",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="texts to fit it on (default: the bundle's own where found, else the folder train beside the data)",
    )
    ngram.add_argument("--no-ngram", action="store_true", help="leave it out")
    ngram.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder of fitted n-grams (default: anaphora in the user's cache folder)",
    )
