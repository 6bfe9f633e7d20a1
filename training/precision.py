"""In which precision matrix products are computed in training: float32, or bf16, in recurrent layers by autocast.

Weights, losses, gradients' sums and the optimiser stay float32. Knows processors; knows no network.
"""

from __future__ import annotations

from types import TracebackType

import torch


class Precision:
    """A context for the reading of a batch. `setting`: float32, bf16, or auto (bf16 where the processor has it)."""

    def __init__(self, setting: str, device: str) -> None:
        self.device_type = torch.device(device).type
        self.name = setting if setting != "auto" else ("bf16" if _has_bf16(self.device_type) else "float32")

    @property
    def products(self) -> torch.dtype | None:
        """What the output layer is told; None: the precision of the weights."""
        return torch.bfloat16 if self.name == "bf16" else None

    def __enter__(self) -> None:
        enabled = self.name == "bf16"
        self._autocast = torch.autocast(self.device_type, torch.bfloat16, enabled=enabled, cache_enabled=False)
        self._autocast.__enter__()  # type: ignore[no-untyped-call]

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._autocast.__exit__(kind, value, trace)


def _has_bf16(device_type: str) -> bool:
    """Whether products in bf16 are computed by the processor itself; emulated ones are slower than float32."""
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
