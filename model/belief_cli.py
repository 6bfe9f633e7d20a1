"""`anaphora belief`: a file or standard input, read as it comes, into shaded text, a table or JSON lines."""

from __future__ import annotations

import argparse
import codecs
import gzip
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, cast

from model.belief import BeliefStream, BeliefToken
from model.errors import AnaphoraError, TextTooLongError
from model.labels import visible
from model.language_model import load
from model.shading import COLOURS, ShadedText, TokenTable, is_coloured
from model.shelf import DEFAULT_NAME
from model.terminal import as_json, print_anything

STANDARD_INPUT = "-"
CHUNK_BYTES = 1 << 14


def main(argv: Sequence[str]) -> int:
    """`anaphora belief FILE`. Raises AnaphoraError; what was read before is printed by then."""
    arguments = belief_parser().parse_args(argv)
    where = "standard input" if arguments.file == STANDARD_INPUT else visible(arguments.file)
    with _opened(arguments.file) as file:
        language_model = load(arguments.model)
        stream = language_model.belief_stream(arguments.pair)
        print_anything()
        for warning in stream.warnings:
            print(f"warning: {visible(warning.message)}", file=sys.stderr)
        if arguments.json:
            for tokens in _tokens(stream, file, where):
                print("\n".join(as_json(token.to_dict()) for token in tokens), flush=True)
            return 0
        shown = ShadedText() if is_coloured(arguments.colour) else TokenTable()
        legend = shown.legend(language_model.name, stream.pair)
        for tokens in _tokens(stream, file, where):
            print(legend + shown.lines(tokens), end="", flush=True)
            legend = ""
        print(shown.end(), end="")
    return 0


def belief_parser() -> argparse.ArgumentParser:
    """The words of `anaphora belief`."""
    parser = argparse.ArgumentParser(
        prog="anaphora belief",
        description="Who a text is thought to speak of: P(he) against P(she) at every token, if a pronoun came next.",
        epilog="See docs/belief.md.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="a text in UTF-8, or one compressed as .gz; - is standard input")
    parser.add_argument(
        "--pair",
        type=_pair,
        metavar="WORD,WORD",
        help="the two words (default: the model's, he and she); P is the first one's",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_NAME,
        metavar="NAME_OR_DIR",
        help=f"a shipped model or a bundle (default: {DEFAULT_NAME})",
    )
    parser.add_argument(
        "--colour",
        "--color",
        choices=COLOURS,
        default="auto",
        help="shade the words of the text (default: in a terminal, unless NO_COLOR is set); else a line a token",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a token, as in the tokens of /v1/belief"
    )
    return parser


def _pair(value: str) -> tuple[str, str]:
    words = [word.strip() for word in value.split(",")]
    if len(words) != 2 or not all(words):
        raise argparse.ArgumentTypeError(f"{value!r} should be two words with a comma between them, such as he,she")
    return words[0], words[1]


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    if name == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    path = Path(name)
    if path.suffix == ".gz":
        return cast("AbstractContextManager[BinaryIO]", gzip.open(path, "rb"))
    return path.open("rb")


def _tokens(stream: BeliefStream, file: BinaryIO, where: str) -> Iterator[list[BeliefToken]]:
    """The tokens, group by group, as soon as they are settled. Raises AnaphoraError."""
    held: list[BeliefToken] = []  # <s>, until there is something after it
    is_empty = True
    for characters in _characters(file, where):
        try:
            held += stream.feed(characters)
        except TextTooLongError as error:
            raise AnaphoraError(f"{where}: {error}") from error
        if len(held) > is_empty:
            yield held
            held, is_empty = [], False
    held += stream.finish()
    if len(held) <= is_empty and is_empty:
        raise AnaphoraError(f"{where} holds no text; give a text of at least one word.")
    if held:
        yield held


def _characters(file: BinaryIO, where: str) -> Iterator[str]:
    """The text as it comes, line ends as they are. Raises AnaphoraError where it is no text in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    n_read = 0
    while True:
        data = _read(file, where)
        n_before = n_read - len(decoder.getstate()[0])
        n_read += len(data)
        try:
            characters = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise AnaphoraError(
                f"{where}: byte {n_before + error.start + 1:,} is not UTF-8; convert the text first "
                "(iconv -f LATIN1 -t UTF-8, say), if it is one."
            ) from error
        if "\0" in characters:
            raise AnaphoraError(f"{where} holds NUL characters: it is no text, or one in UTF-16; convert it first.")
        if characters:
            yield characters
        if not data:
            return


def _read(file: BinaryIO, where: str) -> bytes:
    try:
        return cast("bytes", file.read1(CHUNK_BYTES))  # type: ignore[attr-defined]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise AnaphoraError(f"{where} cannot be decompressed: {error}. Copy it again.") from error
