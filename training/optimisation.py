"""The optimiser, its schedule, and gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn


def make_optimiser(network: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019); biases and other vectors are not decayed."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)


def warmup(step: int, warmup_steps: int) -> float:
    """The share that step `step` (from 0) has of what rises linearly to its whole in so many steps; 1 for none."""
    return min(1.0, (step + 1) / max(warmup_steps, 1))


def learning_rate_factor(step: int, warmup_steps: int, progress: float, final: float = 0.02) -> float:
    """The share of the peak rate: a linear warm-up over steps, then half a cosine down to `final` at progress 1."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return warmup(step, warmup_steps) * (final + (1 - final) * cosine)


def clip_gradients(parameters: Iterable[nn.Parameter], largest_norm: float) -> float:
    """Scales all gradients so that their joint norm is at most `largest_norm`; returns the norm before."""
    return float(torch.nn.utils.clip_grad_norm_(parameters, largest_norm))
