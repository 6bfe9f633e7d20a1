"""The cross-entropy of a tied softmax over a large vocabulary, in chunks: no places x vocabulary matrix is held whole.

Letters: N places, E embedding, V pieces.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 256
"""Places whose logits are held at once: 256 x 8,192 float32 are 8 MB, which stays in a processor's cache."""


class TiedCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of a tied softmax in chunks; the gradient is made on the way forward.

    r (N, E), embedding (V, E), bias (V,), target (N,): a piece, or -1 where any piece of `ending` (V,) will do,
    whose loss is -log of their summed probability. `products`: the precision of the three matrix products; softmax,
    loss and the gradients' sums over chunks are float32 in any case.
    """

    @staticmethod
    def forward(
        ctx: Any, r: Tensor, embedding: Tensor, bias: Tensor, target: Tensor, ending: Tensor, products: torch.dtype
    ) -> Tensor:
        total = r.new_zeros((), dtype=torch.float32)
        grad_r = torch.empty_like(r)
        grad_embedding, grad_bias = torch.zeros_like(embedding), torch.zeros_like(bias)
        r_low, embedding_low = r.to(products), embedding.to(products)
        held = (min(CHUNK, len(r)), len(embedding))  # (chunk, V): memory once for all chunks
        held_logits, held_gradient = r.new_empty(held, dtype=torch.float32), r.new_empty(held, dtype=torch.float32)
        held_low = held_logits if products == torch.float32 else r.new_empty(held, dtype=products)
        for start in range(0, len(r), CHUNK):
            part = slice(start, start + CHUNK)
            n = len(r[part])
            low, logits, gradient = held_low[:n], held_logits[:n], held_gradient[:n]
            torch.mm(r_low[part], embedding_low.t(), out=low)
            torch.add(low, bias, out=logits)
            torch.softmax(logits, dim=1, out=gradient)  # the target's share is taken off below
            normaliser = logits.amax(dim=1) - gradient.amax(dim=1).log()  # log of the sum of exponentials
            wanted, ends = target[part].clamp(min=0), target[part] < 0
            total += (normaliser - logits.gather(1, wanted[:, None]).squeeze(1))[~ends].sum()
            if ends.any():
                allowed = gradient[ends] * ending
                share = allowed.sum(dim=1, keepdim=True)
                total -= share.log().sum()
                gradient[ends] -= allowed / share
            rows = torch.nonzero(~ends).squeeze(1)
            gradient[rows, wanted[rows]] -= 1.0
            grad_bias += gradient.sum(dim=0)
            low = gradient if products == torch.float32 else low.copy_(gradient)
            grad_r[part] = low @ embedding_low
            if products == grad_embedding.dtype:
                grad_embedding.addmm_(low.t(), r_low[part])
            else:
                grad_embedding += low.t() @ r_low[part]
        ctx.save_for_backward(grad_r, grad_embedding, grad_bias)
        ctx.n_places = max(len(r), 1)
        mean: Tensor = total / ctx.n_places
        return mean

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        scale = grad_outputs[0] / ctx.n_places
        grad_r, grad_embedding, grad_bias = ctx.saved_tensors
        return grad_r * scale, grad_embedding * scale, grad_bias * scale, None, None, None


def tied_cross_entropy(
    r: Tensor,
    embedding: Tensor,
    bias: Tensor,
    target: Tensor,
    ending: Tensor | None = None,
    products: torch.dtype | None = None,
) -> Tensor:
    """Mean nats of `target` (N,) under softmax(embedding r + bias); see TiedCrossEntropy. 0 when there is no place.

    `products`: None: in the precision of r.
    """
    ending = torch.zeros_like(bias) if ending is None else ending
    products = r.dtype if products is None else products
    value: Tensor = TiedCrossEntropy.apply(r, embedding, bias, target, ending, products)  # type: ignore[no-untyped-call]
    return value
