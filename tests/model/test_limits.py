"""What one request may ask by default; that each limit is kept is shown in test_prepared.py."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from model.limits import Limits
from tests.model import test_prepared


def test_every_limit_is_a_positive_number() -> None:
    for field in fields(Limits):
        assert type(field.default) is int
        assert field.default > 0


def test_every_limit_has_a_request_that_it_refuses() -> None:
    (cases,) = (
        mark.args[1]
        for mark in test_prepared.test_each_limit_is_refused_with_what_was_asked_and_the_limit.pytestmark
        if mark.name == "parametrize"
    )
    assert {name for case in cases for name in case[0]} == {field.name for field in fields(Limits)}


def test_limits_cannot_be_changed_under_a_loaded_model() -> None:
    with pytest.raises(FrozenInstanceError):
        Limits().max_tokens = 1  # type: ignore[misc]
