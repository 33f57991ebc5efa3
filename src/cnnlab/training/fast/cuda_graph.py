"""A whole step as a CUDA graph: one launch instead of one for each kernel.

Only `CudaRecorder` needs a GPU. All else is tested on a CPU, with a recorder that replays torch's operators one by one.
"""

import logging
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Protocol, Self

import torch
from torch.optim import Optimizer

from cnnlab.data.batches import Batch
from cnnlab.errors import UserError
from cnnlab.nn.hooks import is_changed
from cnnlab.training.classifier import Classifier
from cnnlab.training.fast.optimizer import FastStep

logger = logging.getLogger(__name__)

WARM_UP_STEPS = 3  # as in torch's documentation: libraries allocate and choose their algorithms in the first ones
PARAMETER_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
FIXED = (  # values of an optimiser's group that a graph holds as they were; the learning rate is a tensor
    *("momentum", "dampening", "weight_decay", "nesterov", "maximize", "betas", "eps", "amsgrad"),
    "decoupled_weight_decay",
)


class Recorder(Protocol):
    """Records work that can be repeated on the same tensors."""

    def aside(self) -> AbstractContextManager[None]:
        """Where the steps before the recording take place."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """A function that repeats the work, which is called once, to be recorded, and does nothing yet."""


class CudaRecorder:
    """Records a CUDA graph.

    At each replay torch writes the default generator's seed and offset into the memory that the graph's kernels read
    (Note [CUDA Graph-safe RNG states] in ATen/cuda/CUDAGeneratorImpl.h). So the generator is seeded before a replay as
    before an eager step, and the random numbers are the same.
    """

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """On the stream of the recording, so that nothing in a step is bound to the default one, which cannot be."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            yield
        torch.cuda.current_stream().wait_stream(self._stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """As in `Recorder`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            work()
        return graph.replay


class SinglePrecisionRates:
    """The learning rates of an optimiser as a graph has them, in single precision, for the length of an eager step.

    A step is then the same whether it is replayed or, as the first ones after a resume, is not. The schedule goes on
    with the rates that it has set.

    Args:
        optimizer: Whose groups' rates change.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._exact: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.restore()

    def round(self) -> None:
        """Rounds them, once the gradients are there."""
        groups = self._optimizer.param_groups
        self._exact = [group["lr"] for group in groups]
        for group in groups:
            group["lr"] = struct.unpack("f", struct.pack("f", group["lr"]))[0]

    def restore(self, *_: Any) -> None:
        """Restores the exact ones."""
        for group, rate in zip(self._optimizer.param_groups, self._exact, strict=False):
            group["lr"] = rate
        self._exact = []

    @contextmanager
    def in_lightnings_step(self) -> Iterator[None]:
        """Does both in a step of Lightning's own loop."""

        def after_closure(_: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
            def closure() -> Any:
                loss = kwargs["closure"]()
                self.round()
                return loss

            return args, {**kwargs, "closure": closure}

        handles = (
            self._optimizer.register_step_pre_hook(after_closure),
            self._optimizer.register_step_post_hook(self.restore),
        )
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


class GraphedStep:
    """Forward pass, loss, backward pass and the optimiser's step of whole batches, recorded once and then replayed.

    The first steps are eager, and train: nothing has to be undone. Eager are also a smaller batch, and a step in which
    a module or a parameter has a hook, or a parameter is frozen. After a change of what the recording holds (another
    tensor for a weight, another momentum, another mode of a layer), it is recorded again.

    Args:
        classifier: What to train.
        optimizer: Of all its parameters; torch's fused SGD, Adam or AdamW (`FastStep.is_fused`).
        recorder: Records a step.
    """

    def __init__(self, classifier: Classifier, optimizer: Optimizer, recorder: Recorder) -> None:
        self.optimizer = optimizer
        self.recorder = recorder
        self._classifier = classifier
        self._facts: tuple[Any, ...] = ()
        self._num_eager = 0
        self._said: set[str] = set()
        self._replay: Callable[[], None] | None = None

    def start_epoch(self, batch_size: int) -> None:
        """Looks at what may have changed since the last one.

        Args:
            batch_size: Of whole batches.
        """
        self._batch_size = batch_size
        self._modules = list(self._classifier.modules())
        self._parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self._places = [place for module in self._modules for place in (module._parameters, module._buffers) if place]

    def replay(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Makes a step.

        Returns:
            The criterion and the logits, or None if this step has to be eager.

        Raises:
            UserError: If a part of the network, the loss or the optimiser cannot be recorded.
        """
        if len(batch[1]) != self._batch_size or self._is_looked_into():
            return None
        facts = self._facts_now(batch)
        if facts != self._facts:
            self._facts, self._num_eager, self._replay = facts, 0, None
        if self._replay is None and not self._record(batch):
            self._num_eager += 1
            return None
        assert self._replay is not None
        for held, given in zip(self._batch, batch, strict=True):
            held.copy_(given)
        for index, group in enumerate(self.optimizer.param_groups):
            if group["lr"] != self._filled[index]:
                self._rates[index].fill_(group["lr"])
                self._filled[index] = group["lr"]
        self._replay()
        if self._parameters[0].grad is not self._gradients[0]:  # after an eager step
            for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
                parameter.grad = gradient
        criterion, logits = self._outputs
        return criterion.clone(), logits.clone()  # the next replay overwrites them

    def _record(self, batch: Batch) -> bool:
        """Records a step, unless it is too early."""
        if self._num_eager < WARM_UP_STEPS:
            return False
        update = FastStep(self.optimizer).only_kernels()
        if update is None:
            self._say("a parameter has no gradient")
            return False
        groups = self.optimizer.param_groups
        self._batch = [tensor.clone() for tensor in batch]
        self._filled: list[float] = [group["lr"] for group in groups]
        device = self._parameters[0].device
        self._rates = [torch.tensor(rate, dtype=torch.float32, device=device) for rate in self._filled]
        for parameter in self._parameters:
            parameter.grad = None  # the graph has its own

        def work() -> None:
            criterion, logits = self._classifier.compute((self._batch[0], self._batch[1]))
            criterion.backward()
            with self._rates_as_tensors():
                update()
            self._outputs = criterion.detach(), logits.detach()  # what is attached would keep the stream of each node

        try:
            self._replay = self.recorder.record(work)
        except Exception as error:  # any, of a network that is not ours too
            first = error.__context__ or error  # the end of a capture that has failed fails too
            reason = str(first).strip().partition("\n")[0]  # CUDA's errors have six lines
            raise UserError(
                f"trainer.cuda_graph=true: a step cannot be captured ({reason}); use trainer.cuda_graph=false"
            ) from error
        self._gradients = [parameter.grad for parameter in self._parameters]
        states = self.optimizer.state.values()
        tensors = [tensor for place in (*self._places, *states) for tensor in place.values()]
        self._held = self.optimizer.state, tensors  # alive, so that nothing else gets their addresses
        return True

    @contextmanager
    def _rates_as_tensors(self) -> Iterator[None]:
        """Only the kernels see tensors: schedules, loggers and checkpoints have numbers as ever."""
        groups = self.optimizer.param_groups
        for group, rate in zip(groups, self._rates, strict=True):
            group["lr"] = rate
        try:
            yield
        finally:
            for group, exact in zip(groups, self._filled, strict=True):
                group["lr"] = exact

    def _facts_now(self, batch: Batch) -> tuple[Any, ...]:
        """What a recording holds, or depends on: in some 10 µs, since each step compares it."""
        optimizer = self.optimizer
        return (
            id(optimizer.state),  # a checkpoint that is loaded brings another
            *[tensor.data_ptr() for tensors in self._places for tensor in tensors.values() if tensor is not None],
            *[module.training for module in self._modules],
            *[group.get(name) for group in optimizer.param_groups for name in FIXED],
            *[(tensor.shape, tensor.dtype) for tensor in batch],
        )

    def _is_looked_into(self) -> bool:
        """Whether there is Python to call in the step, or a parameter is frozen; the first time, says so."""
        if any(map(is_changed, self._modules)):
            why = "a module has a hook or another forward"
        elif any(getattr(parameter, hooks, None) for parameter in self._parameters for hooks in PARAMETER_HOOKS):
            why = "a parameter has a hook"
        elif not all(parameter.requires_grad for parameter in self._parameters):
            why = "a parameter is frozen"
        else:
            return False
        self._say(why)
        return True

    def _say(self, why: str) -> None:
        """Logs why a step is eager, once."""
        if why not in self._said:
            logger.warning("trainer.cuda_graph: a step is eager whenever %s, as now", why)
            self._said.add(why)
