"""The table from error to status: whole, and never telling a caller what is the operator's."""

from __future__ import annotations

import re

import pytest

from model import errors as model_errors
from service import errors
from service.errors import ANSWERS, answer_of, code_of, is_callers


def classes(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(classes(kind) for kind in root.__subclasses__()))


ALL = {kind for kind in classes(model_errors.AnaphoraError) if kind.__module__ in {"model.errors", "service.errors"}}


def test_every_error_of_model_and_service_is_in_the_table() -> None:
    assert set(ANSWERS) == ALL


def test_every_error_of_the_service_is_drawn_in_the_tree() -> None:
    drawn = set(re.findall(r"\w+Error\b", errors.__doc__ or ""))
    assert drawn == {kind.__name__ for kind in ALL if kind.__module__ == "service.errors"} | {"AnaphoraError"}


@pytest.mark.parametrize("kind", sorted(classes(model_errors.RequestError), key=lambda kind: kind.__name__))
def test_what_a_caller_asks_wrongly_is_a_4xx_told_in_the_errors_own_words(kind: type[Exception]) -> None:
    if kind.__module__ == "model.errors":
        assert answer_of(kind("no")).status == 422
        assert is_callers(kind("no"))


@pytest.mark.parametrize(
    "error", [model_errors.BundleIntegrityError("secret"), errors.ModelsError("secret"), RuntimeError("secret")]
)
def test_what_is_not_the_callers_business_is_a_500_without_words(error: Exception) -> None:
    assert answer_of(error).status == 500
    assert not is_callers(error)
    assert code_of(error) == "internal_error"


def test_an_error_that_nobody_entered_is_answered_like_its_nearest_ancestor() -> None:
    class NewError(model_errors.BlankError):
        pass

    assert answer_of(NewError("no")) == ANSWERS[model_errors.BlankError]


def test_codes_are_snake_case_and_every_refusal_has_one_of_its_own() -> None:
    for kind in ALL:
        assert code_of(kind("x")).replace("_", "").isalpha()
        assert code_of(kind("x")) == code_of(kind("x")).lower()
