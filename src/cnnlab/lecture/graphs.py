"""Graphs of a computation: the one that autograd records as it runs, and the one that torch.export captures before."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import NamedTuple

import torch
from torch import nn

LEAF = "torch::autograd::AccumulateGrad"  # where a parameter's gradient is added up
TRANSPOSED = "TBackward0"  # of a linear layer's weight, which is stored as (outputs, inputs)


class Node(NamedTuple):
    """An operation that autograd has recorded.

    Attributes:
        name: Of its backward function, such as `ReluBackward0`.
        inputs: Indices of the nodes that its gradients go to, all before it.
        parameter: The name of the parameter that it leads to, of a leaf; else None.
    """

    name: str
    inputs: list[int]
    parameter: str | None


class Branching(nn.Module):
    """A Python `if` on numbers: ReLU if their sum is positive, else tanh."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N,) of (N,)."""
        if x.sum() > 0:
            return x.relu()
        return x.tanh()


class Doubling(nn.Module):
    """A Python `while` on numbers: doubled until the sum is at least 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N,) of (N,), whose sum is positive."""
        while x.sum() < 1:
            x = x * 2
        return x


def recorded(output: torch.Tensor, network: nn.Module | None = None) -> list[Node]:
    """The graph that autograd recorded of a tensor, inputs before what uses them.

    Args:
        output: From a forward pass.
        network: Whose parameters get their names.
    """
    names = {} if network is None else {id(weights): name for name, weights in network.named_parameters()}
    nodes: list[Node] = []
    indices: dict[torch.autograd.graph.Node, int] = {}

    def visit(function: torch.autograd.graph.Node) -> int:
        if function not in indices:
            inputs = [visit(each) for each, _ in function.next_functions if each is not None]
            parameter = names.get(id(getattr(function, "variable", None)))
            nodes.append(Node(function.name(), inputs, parameter))
            indices[function] = len(nodes) - 1
        return indices[function]

    if output.grad_fn is not None:
        visit(output.grad_fn)
    return nodes


def operations(nodes: list[Node]) -> list[Node]:
    """Those that compute: without the leaves, and without the transposed weights."""
    return [node for node in nodes if node.name not in (LEAF, TRANSPOSED)]


def parameters_of(node: Node, nodes: list[Node]) -> list[str]:
    """The names of the parameters that an operation uses itself, transposed or not.

    Args:
        node: One of them.
        nodes: All.
    """
    direct = [nodes[index] for index in node.inputs]
    through = [nodes[index] for each in direct if each.name == TRANSPOSED for index in each.inputs]
    return [each.parameter for each in (*through, *direct) if each.parameter is not None]


def export(network: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram | str:
    """What torch.export captures, or the first line of its error if it refuses.

    Args:
        network: In evaluation mode.
        example: An input, whose shape the captured graph has.
    """
    with _without_logs():
        try:
            return torch.export.export(network, (example,))
        except RuntimeError as error:  # GuardOnDataDependentSymNode is one
            return _first_line(error)


def exported_operations(program: torch.export.ExportedProgram) -> list[str]:
    """The names of the operators of a captured graph, in order, such as `aten.relu.default`."""
    return [str(node.target) for node in program.graph.nodes if node.op == "call_function"]


def refusal(program: torch.export.ExportedProgram, images: torch.Tensor) -> str | None:
    """The first line of what a captured graph says to an input of another shape; None if it takes it.

    Args:
        program: Captured.
        images: The input.
    """
    try:
        program.module()(images)
    except (RuntimeError, AssertionError) as error:
        return _first_line(error)
    return None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0].strip()}"


@contextmanager
def _without_logs() -> Iterator[None]:
    """Without what torch logs and prints of what it could not capture: its error says it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
