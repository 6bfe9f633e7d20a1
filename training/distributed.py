"""Training by several processes that torchrun started: who one is, sums over all, and waiting for one another.

Data-parallel: every process holds the whole network and reads its share of the rows of each batch; gradients are
summed, so all take the same step. torch.distributed does the talking, gloo between processors and NCCL between GPUs.
In a single process everything here does nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from training.errors import TrainingConfigError, WorkerLostError

STEP_MINUTES = 15.0
"""Longest wait for the others within a step, in which the first one may validate and save; then the run ends."""
PREPARATION_HOURS = 48.0
"""Longest wait for the first process to tokenize the corpus."""

Result = TypeVar("Result")


class World:
    """One of `size` processes; `rank` 0 leads: it alone writes checkpoints, the log and the bundle."""

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, patient: Any = None) -> None:
        """`local_rank`: the number on this machine. `patient`: a process group that waits for a preparation."""
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self._patient = patient

    @property
    def leads(self) -> bool:
        """Whether this process writes what the run leaves behind."""
        return self.rank == 0

    def own(self, n: int) -> NDArray[np.int64]:
        """Which of n rows are this process's: every size-th, so that all have as many of each kind."""
        return np.arange(self.rank, n, self.size)

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter], values: Tensor) -> Tensor:
        """Every parameter's gradient becomes the sum over all processes; returns the sum of `values` (n,).

        One message a step. A gradient that no process has stays None.
        """
        if self.size == 1:
            return values
        has = values.new_tensor([parameter.grad is not None for parameter in parameters])
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        message = torch.cat([part.reshape(-1) for part in (*gradients, has, values)])
        self._all_reduce(message)
        sizes = [gradient.numel() for gradient in gradients]
        *summed, has, values = torch.split(message, [*sizes, len(has), len(values)])
        for parameter, part, anyone_has in zip(parameters, summed, has.tolist(), strict=True):
            parameter.grad = part.view_as(parameter) if anyone_has else None
        return values

    def sum(self, *values: float) -> list[float]:
        """The sums of these numbers over all processes, the same in each."""
        if self.size == 1:
            return list(values)
        message = torch.tensor(values, dtype=torch.float64)
        self._all_reduce(message)
        return [float(value) for value in message]

    def agree(self, stop: bool, save: bool, seconds: float) -> tuple[bool, bool, float]:
        """What holds for all: to stop when any one was told to, to save and how late it is as the first one says."""
        if self.size == 1:
            return stop, save, seconds
        stops, saves, seconds = self.sum(stop, save and self.leads, seconds if self.leads else 0.0)
        return stops > 0, saves > 0, seconds

    def gathered(self, part: Tensor, n: int) -> Tensor:
        """(own rows, ...) of every process -> (n, ...), the rows of all."""
        if self.size == 1:
            return part
        whole = part.new_zeros(n, *part.shape[1:])
        whole[torch.from_numpy(self.own(n)).to(part.device)] = part
        self._all_reduce(whole)
        return whole

    def first_on_each_machine(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, in each process: rank 0 does it first, then one on each other machine, then the rest.

        So on a shared file system those after the first find its files; without one each machine makes its own.
        """
        turn = 0 if self.leads else 1 if self.local_rank == 0 else 2
        result: list[Result] = []
        for now in range(3):
            if now == turn:
                result.append(work())
            self._wait()
        return result[0]

    def check_same(self, **things: Any) -> None:
        """Raises TrainingConfigError unless all processes hold the same things, JSON values, to train with."""
        if self.size == 1:
            return
        digests = [hashlib.sha256(json.dumps(thing, sort_keys=True).encode()).digest()[:6] for thing in things.values()]
        numbers = [float(int.from_bytes(digest, "big")) for digest in digests]  # 48 bits: exact in a float64
        table = [0.0] * (len(numbers) * self.size)
        table[self.rank * len(numbers) : (self.rank + 1) * len(numbers)] = numbers
        by_rank = np.array(self.sum(*table)).reshape(self.size, -1)
        for name, column in zip(things, by_rank.T, strict=True):
            others = np.flatnonzero(column != column[0])
            if len(others):
                raise TrainingConfigError(
                    f"process {others[0]} of {self.size} has another {name} than process 0. Start all with the same "
                    "command and the same texts; to resume, all need the same folder of the run."
                )

    def _wait(self) -> None:
        if self.size > 1:
            self._talk(lambda: dist.barrier(group=self._patient))

    def _all_reduce(self, message: Tensor) -> None:
        self._talk(lambda: dist.all_reduce(message))

    def _talk(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except RuntimeError as error:
            raise WorkerLostError(
                f"process {self.rank} of {self.size} waited for the others in vain: one of them has ended, or is out "
                f"of reach ({str(error).splitlines()[0][:200]}). The last checkpoint is whole: start all again with "
                "--resume, as many as you like."
            ) from error


def rank_of_this_process() -> int:
    """0 but in the other processes that torchrun started."""
    return int(os.environ.get("RANK", "0"))


def local_device(device: str) -> str:
    """The GPU of this process, where `device` is cuda: one for each process on a machine."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


@contextmanager
def joined(device: str) -> Iterator[World]:
    """The processes that torchrun started (its variables RANK, WORLD_SIZE ...); one alone where it did not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=timedelta(minutes=STEP_MINUTES))
    try:
        patient = dist.new_group(backend="gloo", timeout=timedelta(hours=PREPARATION_HOURS))
        yield World(dist.get_rank(), size, int(os.environ.get("LOCAL_RANK", "0")), patient)
    finally:
        dist.destroy_process_group()
