"""The tree of errors: as it is drawn, and with what programs read."""

from __future__ import annotations

import re

import pytest

from model import errors
from model.errors import AnaphoraError, RequestError


def classes(root: type[AnaphoraError] = AnaphoraError) -> list[type[AnaphoraError]]:
    """All that is defined in model/errors.py, parents first."""
    below = [one for child in root.__subclasses__() if child.__module__ == errors.__name__ for one in classes(child)]
    return [root, *below]


def test_the_drawing_shows_every_error_below_its_parent() -> None:
    assert errors.__doc__
    drawn: list[tuple[int, str]] = [
        (match.start(1), match[1]) for match in re.finditer(r"^[│├└─ ]*(\w+Error)\b", errors.__doc__, re.MULTILINE)
    ]
    lines = errors.__doc__.splitlines()
    path: list[tuple[int, str]] = []
    seen = {}
    for _, name in drawn:
        (line,) = (line for line in lines if re.search(rf"\b{name}\b", line))
        depth = line.index(name)
        path = [entry for entry in path if entry[0] < depth]
        seen[name] = path[-1][1] if path else None
        path.append((depth, name))
    for one in classes():
        if one is AnaphoraError:
            assert seen[one.__name__] is None
        elif one.__name__ != "TargetTooLongError":  # drawn beside the targets' other errors
            assert seen[one.__name__] == one.__bases__[0].__name__
    assert set(seen) == {one.__name__ for one in classes()}


def test_every_error_says_when_it_happens() -> None:
    assert all(one.__doc__ and one.__doc__.strip().endswith((".", "field of the request.")) for one in classes())


REQUEST_ERRORS = [one for one in classes() if issubclass(one, RequestError)]


@pytest.mark.parametrize("one", REQUEST_ERRORS, ids=lambda one: one.__name__)
def test_an_error_of_a_request_has_a_code_and_may_name_a_field(one: type[RequestError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", one.code)
    assert str(one("so it is.")) == "so it is."
    assert one("so it is.", "text").param == "text"


def test_codes_tell_errors_apart() -> None:
    codes = [one.code for one in REQUEST_ERRORS]
    assert len(set(codes)) == len(codes)


def test_errors_about_one_field_name_it_by_themselves() -> None:
    assert errors.BlankError("so").param == errors.TextTooLongError("so").param == "text"
    assert errors.TargetError("so").param == errors.TargetTooLongError("so").param == "targets"
    assert errors.TopKError("so").param == "top_k"
    assert errors.SiteError("so").param == "trace"
