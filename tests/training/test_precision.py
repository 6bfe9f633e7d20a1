"""Precision: bf16 products only where asked for, or where the processor has them."""

from __future__ import annotations

import pytest
import torch

from training import precision
from training.precision import Precision

A, B = torch.full((2, 2), 1.0 + 2**-12), torch.eye(2)


@pytest.mark.parametrize(("setting", "dtype"), [("float32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_within_have_the_precision_and_those_outside_float32(setting: str, dtype: torch.dtype) -> None:
    with Precision(setting, "cpu"):
        within = A @ B
    assert within.dtype == dtype
    assert torch.equal(within.float(), A) == (setting == "float32")  # bf16 has 8 bits
    assert (A @ B).dtype == torch.float32


@pytest.mark.parametrize(("has", "name"), [(True, "bf16"), (False, "float32")])
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch, has: bool, name: str) -> None:
    monkeypatch.setattr(precision, "_has_bf16", lambda device_type: has)
    assert Precision("auto", "cpu").name == name
    assert Precision("float32", "cpu").name == "float32"
    assert Precision("bf16", "cpu").name == "bf16"


def test_weights_and_gradients_stay_float32() -> None:
    weight = torch.ones(2, 2, requires_grad=True)
    with Precision("bf16", "cpu"):
        product = A @ weight
    product.float().sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_it_ends_when_what_is_within_fails() -> None:
    with pytest.raises(ValueError, match="within"), Precision("bf16", "cpu"):
        raise ValueError("within")
    assert (A @ B).dtype == torch.float32


def test_the_device_is_told_by_its_type() -> None:
    assert Precision("float32", "cuda:1").device_type == "cuda"
