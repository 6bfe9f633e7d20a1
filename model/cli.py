"""`anaphora fill` and `anaphora models`: words on the command line into calls, answers into lines. Knows no network."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from model.bundle import read_bundle
from model.cloze import CONTEXTS, ClozeRequest, ClozeResult
from model.errors import AnaphoraError, RequestError
from model.evidence import KINDS
from model.interventions import Intervention, parse_intervention
from model.labels import printable, visible
from model.language_model import LanguageModel, load
from model.picture import picture
from model.shelf import DEFAULT_NAME, chosen_bundles, default_of, facts_of
from model.terminal import as_json, listed, print_anything, shown, told
from model.trace import TraceRequest, Units
from model.whole_number import whole_number

STANDARD_INPUT = "-"


def fill(argv: Sequence[str]) -> int:
    """`anaphora fill TEXT...`. Raises AnaphoraError; what was answered before is printed by then."""
    parser = fill_parser()
    # Only before a "--", which argparse's intermixed parsing would drop: what follows is text, whatever it begins with.
    end = argv.index("--") if "--" in argv else len(argv)
    arguments = parser.parse_intermixed_args(argv[:end])
    arguments.text += argv[end + 1 :]
    if not arguments.text:
        parser.error("the following arguments are required: TEXT")
    if (arguments.sites or arguments.units) and not arguments.trace:
        parser.error("--sites and --units choose what --trace shows; add --trace OUT.html")
    texts = _texts(arguments.text)
    if arguments.trace:
        _check_destination(arguments.trace)
        texts = _only_one(texts)
    trace = TraceRequest(arguments.sites, arguments.units or TraceRequest.units) if arguments.trace else None
    targets = tuple(arguments.targets) if arguments.targets else None
    language_model = load(arguments.model)
    print_anything()
    for where, text in texts:
        request = ClozeRequest(
            text, targets, arguments.top_k, arguments.context, trace, arguments.evidence, tuple(arguments.intervene)
        )
        try:
            result = language_model.answer([language_model.prepare(request)])[0]
        except RequestError as error:
            raise RequestError(f"{where}{error}", error.param) from error
        for warning in result.warnings:
            place = f"characters {warning.start} to {warning.end}"
            print(f"warning: {where}{visible(warning.message)} ({place})", file=sys.stderr)
        print(as_json(result.to_dict()) if arguments.json else told(result), flush=True)
        if arguments.trace:
            _write_trace(arguments.trace, result, language_model, request)
    return 0


def fill_parser() -> argparse.ArgumentParser:
    """The words of `anaphora fill`."""
    parser = argparse.ArgumentParser(
        prog="anaphora fill",
        description="How probable each word is in the blank of a text, ___ (or [MASK] or <mask>).",
        epilog="See docs/command.md.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "text",
        nargs="*",
        metavar="TEXT",
        help="a text with a blank; - reads one a line from standard input; a text that begins with - comes after --",
    )
    parser.add_argument(
        "--targets",
        action="append",
        type=_words,
        metavar="WORD,WORD",
        help="words to choose from (default: the model's pair, he and she); for several blanks give it once for all, "
        "or once for each",
    )
    parser.add_argument(
        "--top-k",
        type=whole_number(),
        metavar="K",
        help="the K best words: of the targets, or without targets of all words",
    )
    parser.add_argument("--context", choices=CONTEXTS, default="both", help="what is read (default: both sides)")
    parser.add_argument(
        "--model",
        default=DEFAULT_NAME,
        metavar="NAME_OR_DIR",
        help=f"a shipped model or a bundle (default: {DEFAULT_NAME})",
    )
    parser.add_argument(
        "--trace", type=_picture_path, metavar="OUT.html|OUT.json", help="draw, or write down, what the gates did"
    )
    parser.add_argument(
        "--sites", type=_words, metavar="SITE,SITE", help="with --trace: only these, such as layer0.forward.forget_gate"
    )
    parser.add_argument(
        "--units",
        type=_units,
        metavar="top:8|gender:8|all|3,17",
        help="with --trace: these units (default: the 8 that move most; gender:8 are those that carry gender most)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a text, as in the results of /v1/cloze"
    )
    parser.add_argument(
        "--evidence",
        choices=KINDS,
        help="what each word contributes to the choice between two targets: hold leaves it out; write and erase, for "
        "an LSTM, keep it from writing or erasing",
    )
    parser.add_argument(
        "--intervene",
        action="append",
        default=[],
        type=_intervention,
        metavar="SITE:UNITS:FIRST-LAST:set=0",
        help="edit units of a site while these tokens are read (<s> is 0), and show before and after; also scale=0.5 "
        "or freeze; UNITS are 3,17 or 0-7 or all; repeatable, applied in order",
    )
    return parser


def models(argv: Sequence[str]) -> int:
    """`anaphora models list|show|verify`. Returns 1 when a bundle fails its verification. Raises AnaphoraError."""
    parser = models_parser()
    arguments = parser.parse_args(argv)
    if arguments.json and arguments.action == "verify":
        parser.error("--json goes with list and show")
    print_anything()
    folders = chosen_bundles(arguments.bundle, arguments.models or ())
    if arguments.action == "verify":
        verdicts = [_verify(folder) for folder in folders]
        return 0 if all(verdicts) else 1
    if arguments.action == "show":
        folder = default_of(folders)
        bundle = read_bundle(folder)
        print(as_json(bundle.metadata, indent=1) if arguments.json else shown(folder, bundle))
        return 0
    facts = [_facts_or_failure(folder) for folder in folders]
    print(as_json(facts, indent=1) if arguments.json else listed(facts))
    return 0


def models_parser() -> argparse.ArgumentParser:
    """The words of `anaphora models`."""
    parser = argparse.ArgumentParser(
        prog="anaphora models",
        description="list: which models there are. show: what one is. verify: whether its files are whole.",
        epilog="See docs/command.md.",
        allow_abbrev=False,
    )
    parser.add_argument("action", choices=("list", "show", "verify"))
    parser.add_argument(
        "bundle",
        nargs="?",
        metavar="NAME_OR_DIR",
        help="a model, a bundle, or a folder of bundles (default: all; show: en-lstm)",
    )
    parser.add_argument(
        "--models",
        action="append",
        type=Path,
        metavar="DIR",
        help="look here instead of among the shipped ones; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="list: the same as JSON; show: the whole bundle.json")
    return parser


def _words(value: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in value.split(","))
    if not all(words):
        raise argparse.ArgumentTypeError(f"{value!r} should be words with commas between them, such as he,she")
    return words


def _units(value: str) -> Units:
    if value == "all" or value.startswith(("top:", "gender:")):
        return value
    try:
        return tuple(int(unit) for unit in value.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} should be top:8, gender:8, all, or numbers such as 3,17") from None


def _intervention(value: str) -> Intervention:
    try:
        return parse_intervention(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _picture_path(value: str) -> Path:
    path = Path(value)
    if path.suffix.lower() not in (".html", ".json"):
        raise argparse.ArgumentTypeError(f"{value!r} should end in .html (a picture) or .json (the numbers)")
    return path


def _texts(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Where each text comes from, for messages, and the text; standard input is read as it is asked for."""
    for number, word in enumerate(words, 1):
        if word != STANDARD_INPUT:
            yield (f"text {number}: " if len(words) > 1 else ""), word
            continue
        for line_number, line in enumerate(sys.stdin.buffer, 1):
            where = f"line {line_number} of standard input: "
            try:
                text = line.decode("utf-8-sig" if line_number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise AnaphoraError(f"{where}byte {error.start + 1} is not UTF-8; convert the text first.") from error
            if text.strip():
                yield where, text


def _only_one(texts: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The text, if it is just one. Raises AnaphoraError."""
    first = list(islice(texts, 2))
    if len(first) != 1:
        raise AnaphoraError(f"--trace shows one text, and there is {'none' if not first else 'more than one'}.")
    return iter(first)


def _check_destination(path: Path) -> None:
    """Says before any work what will not do. Raises AnaphoraError."""
    if not path.parent.is_dir():
        raise AnaphoraError(f"--trace {path}: there is no folder {path.parent}; create it first.")
    if path.is_dir():
        raise AnaphoraError(f"--trace {path} is a folder; name a file.")


def _write_trace(path: Path, result: ClozeResult, language_model: LanguageModel, request: ClozeRequest) -> None:
    name, sha256 = language_model.name, language_model.sha256
    if path.suffix.lower() == ".html":
        content = picture(result, name, sha256, language_model.config, request.context, request.interventions)
    else:
        values = {"model": name, "sha256": sha256} | result.to_dict()
        content = json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        # backslashreplace: a lone surrogate, which an argument may hold, is the escape that JSON has for it
        path.write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise AnaphoraError(
            f"--trace {path} cannot be written: {error.strerror or error}. Name another file."
        ) from error
    print(f"wrote {path}", file=sys.stderr)


def _verify(folder: Path) -> bool:
    """Loads a bundle with every check there is, and says how that went."""
    try:
        language_model = load(folder)
    except (AnaphoraError, OSError) as error:
        print(f"anaphora: {printable(str(error))}", file=sys.stderr)
        return False
    print(f"{language_model.name}: ok ({language_model.sha256})")
    return True


def _facts_or_failure(folder: Path) -> dict[str, Any]:
    try:
        return facts_of(folder, read_bundle(folder))
    except (AnaphoraError, OSError) as error:
        return {"name": folder.name, "folder": str(folder), "error": str(error)}
