"""Computations that do not need each other's results, in as many processes as there are cores."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from joblib import Parallel, cpu_count, delayed  # type: ignore[import-untyped]

Result = TypeVar("Result")


def side_by_side(function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]) -> list[Result]:
    """Calls a function with each tuple of arguments, in as many processes as there are cores.

    Each call has one thread of torch on every machine: the number of threads decides the order of sums, and so their
    last bits.

    Args:
        function: A module's function, since it goes to other processes; it seeds what it draws.
        arguments: Of each call; they go there, too.

    Returns:
        The results, in the order of the arguments. An exception of a call is raised here.
    """
    with Parallel(n_jobs=cpu_count()) as workers:
        results: list[Result] = workers(delayed(_on_one_thread)(function, each) for each in arguments)
    return results


def _on_one_thread(function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(*arguments)
    finally:
        torch.set_num_threads(num_threads)  # with one core this is the caller's process
