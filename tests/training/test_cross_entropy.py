"""The chunked cross-entropy and its gradients against torch's, and worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from training.cross_entropy import CHUNK, tied_cross_entropy

FLOAT32_SOFTMAX = 2e-5  # the loss takes its softmax in float32: 7 digits, relative to the largest gradient
BF16 = 2e-2
"""bf16 has 8 bits: a logit of up to 8 is off by up to 2 ** -6, a probability by as much of itself; of the largest."""


def _inputs(n_places: int, vocabulary: int = 40, size: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(n_places)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64).requires_grad_()

    target = torch.randint(vocabulary, (n_places,), generator=random)
    return normal(n_places, size), normal(vocabulary, size), normal(vocabulary), target


def _plain(r: Tensor, embedding: Tensor, bias: Tensor, target: Tensor, ending: Tensor) -> Tensor:
    """The same by autograd, the whole matrix at once, in float64."""
    table = torch.log_softmax(r @ embedding.t() + bias, dim=1)
    chosen = table.gather(1, target.clamp(min=0)[:, None]).squeeze(1)
    ended = torch.logsumexp(table.masked_fill(ending == 0, -torch.inf), dim=1)
    return -torch.where(target >= 0, chosen, ended).mean()


def _assert_same(n_places: int, target: Tensor | None = None) -> None:
    r, embedding, bias, drawn = _inputs(n_places)
    target = drawn if target is None else target
    ending = (torch.arange(40) % 3 == 0).double()
    expected = _plain(r, embedding, bias, target, ending)
    expected_gradients = torch.autograd.grad(3 * expected, (r, embedding, bias))
    value = tied_cross_entropy(r, embedding, bias, target, ending)
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    for got, wanted in zip(torch.autograd.grad(3 * value, (r, embedding, bias)), expected_gradients, strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=FLOAT32_SOFTMAX * float(wanted.abs().max()))


@pytest.mark.parametrize("n_places", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_cross_entropy_and_its_gradients_equal_torch_s(n_places: int) -> None:
    r, embedding, bias, target = _inputs(n_places)
    by_torch = F.cross_entropy(r @ embedding.t() + bias, target)
    by_hand = _plain(r, embedding, bias, target, torch.zeros(40).double())
    assert by_hand.item() == pytest.approx(by_torch.item(), rel=1e-12)
    _assert_same(n_places)


@pytest.mark.parametrize("n_places", [1, CHUNK + 3])
def test_a_target_of_minus_one_is_the_summed_probability_of_what_may_end_a_word(n_places: int) -> None:
    _assert_same(n_places, torch.full((n_places,), -1))
    mixed = _inputs(n_places)[3]
    mixed[::2] = -1
    _assert_same(n_places, mixed)


@pytest.mark.parametrize("n_places", [1, 2 * CHUNK + 5])
def test_products_in_bf16_come_near_those_in_float32(n_places: int) -> None:
    random = torch.Generator().manual_seed(1)
    r = (2 * torch.randn(n_places, 64, generator=random)).requires_grad_()
    embedding = (torch.randn(500, 64, generator=random) / 8).requires_grad_()
    bias = torch.randn(500, generator=random).requires_grad_()
    target = torch.randint(-1, 500, (n_places,), generator=random)
    ending = (torch.arange(500) % 3 == 0).float()

    def computed(products: torch.dtype | None) -> tuple[float, tuple[Tensor, ...]]:
        value = tied_cross_entropy(r, embedding, bias, target, ending, products)
        assert value.dtype == torch.float32
        return value.item(), torch.autograd.grad(value, (r, embedding, bias))

    (value, gradients), (expected, expected_gradients) = computed(torch.bfloat16), computed(None)
    assert value == pytest.approx(expected, rel=2e-3)
    assert value != expected
    for got, wanted in zip(gradients, expected_gradients, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, wanted, rtol=0, atol=BF16 * float(wanted.abs().max()))


def test_sums_over_many_chunks_are_not_rounded_to_bf16() -> None:
    n_places = 40 * CHUNK  # added up in bf16, 40 equal terms would be off by a tenth
    r, embedding = torch.full((n_places, 1), 1.0), torch.tensor([[1.0], [-1.0]], requires_grad=True)
    value = tied_cross_entropy(
        r, embedding, torch.zeros(2), torch.zeros(n_places, dtype=torch.int64), None, torch.bfloat16
    )
    (gradient,) = torch.autograd.grad(value, embedding)
    wrong = 1 / (1 + np.exp(2.0))
    assert value.item() == pytest.approx(-np.log(1 - wrong), rel=1e-5)
    assert gradient.flatten().tolist() == pytest.approx([-wrong, wrong], rel=BF16)


def test_a_word_s_end_worked_out_by_hand() -> None:
    r, embedding = torch.tensor([[1.0]]), torch.tensor([[0.0], [1.0], [2.0]])
    ending = torch.tensor([1.0, 0.0, 1.0])
    value = tied_cross_entropy(r, embedding, torch.zeros(3), torch.tensor([-1]), ending)
    e = np.e
    assert float(value) == pytest.approx(-np.log((1 + e**2) / (1 + e + e**2)), rel=1e-6)


def test_large_logits_neither_overflow_nor_lose_the_target() -> None:
    r, embedding = torch.tensor([[200.0]]), torch.tensor([[-1.0], [1.0], [0.5]])
    value = tied_cross_entropy(r, embedding, torch.zeros(3), torch.tensor([0]))
    assert float(value) == pytest.approx(400)
