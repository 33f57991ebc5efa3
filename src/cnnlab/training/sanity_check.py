"""Makes one step of every run's network, loss, optimiser and schedule before the fit, on two images.

What does not fit together is then one line, rather than a traceback at the first step or numbers that mean something
else. It takes about 10 ms.
"""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cnnlab.errors import UserError, one_line
from cnnlab.nn.places import NetworkParameters

NUM_IMAGES = 2
NUM_STEPS = 3  # of a schedule
PROBLEMS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError, NotImplementedError)  # of shapes and types


def check_network(network: Any, target: str) -> None:
    """Rejects what is not a network, or one that has nothing to learn.

    Args:
        network: What the config's model built.
        target: Its `_target_`.

    Raises:
        UserError: With what to do.
    """
    if not isinstance(network, nn.Module):
        raise UserError(f"model._target_={target} is not a network: it must be a torch.nn.Module")
    parameters = list(network.parameters())
    if any(isinstance(each, nn.UninitializedParameter) for each in parameters):
        raise UserError(f"model._target_={target} has lazy layers, whose weights do not exist yet; give their sizes")
    if not any(each.requires_grad for each in parameters):
        what = "has no parameters" if not parameters else "has no parameter with requires_grad"
        raise UserError(f"model._target_={target} {what}, so there is nothing to train; choose another model")


def check_step(
    config: DictConfig, network: nn.Module, loss: Any, make_optimizer: Any, make_scheduler: Any, device: torch.device
) -> None:
    """Makes a step with a copy of the network on two black images; neither it nor the random state is changed.

    Args:
        config: The composed config.
        network: Images to logits.
        loss: Logits and labels to a scalar.
        make_optimizer: As `Classifier`'s.
        make_scheduler: As `Classifier`'s.
        device: Where the fit will be: some optimisers' settings, and some networks, work on a GPU only.

    Raises:
        UserError: With the part that does not fit, and what it must do.
    """
    state, grad = torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.enable_grad()
    with _one_thread(), state, grad, warnings.catch_warnings(action="ignore"):
        try:
            network, loss = copy.deepcopy(network).to(device), copy.deepcopy(loss)
        except (RuntimeError, TypeError, NotImplementedError):  # weights that are computed from others, for example
            return
        _logits(config, network.eval(), device)
        logits = _logits(config, network.train(), device)  # a network may return something else then
        criterion = _criterion(config, loss, logits)
        optimizer = make_optimizer(NetworkParameters(network))
        scheduler = make_scheduler(optimizer, NUM_STEPS)
        with _problems("optimizer", str(config.optimizer._target_), "make a step"):
            criterion.backward()
            if hasattr(optimizer, "train"):
                optimizer.train()  # of the schedule-free ones
            optimizer.step(lambda: criterion)
        if scheduler is not None:
            with _problems("scheduler", str(config.scheduler._target_), "make a step"):
                scheduler.step()


def check_augmentation(config: DictConfig, augmentation: Any) -> None:
    """Rejects what is not an augmentation.

    Args:
        config: The composed config.
        augmentation: Images, the background's value and a generator to images of the same shape.

    Raises:
        UserError: With what it must do.
    """
    target, shape = str(config.augmentation._target_), (NUM_IMAGES, *config.data.image_shape)
    with torch.random.fork_rng(devices=[]), _problems("augmentation", target, "take a batch of images"):
        images = augmentation(torch.zeros(shape), 0.0, torch.Generator())
    if not isinstance(images, torch.Tensor) or tuple(images.shape) != shape:
        raise UserError(
            f"augmentation._target_={target} must return as many images of the same shape, but returns {_named(images)}"
        )


def check_init(returned: Any, network: nn.Module, target: str) -> None:
    """Rejects an init that builds something instead of changing the network.

    Raises:
        UserError: With what it must be.
    """
    if returned is not None and returned is not network:
        raise UserError(
            f"init._target_={target} is not an initialisation, but makes {_named(returned)}: it must be a function "
            "that changes the network's weights in place"
        )


def check_optimizer(optimizer: Any, target: str) -> None:
    """Rejects what is not an optimiser.

    Raises:
        UserError: With what it must be.
    """
    if not isinstance(optimizer, Optimizer):
        raise UserError(
            f"optimizer._target_={target} makes {_named(optimizer)}, not an optimiser: it must be a subclass of "
            "torch.optim.Optimizer, or a function that returns one"
        )


def check_scheduler(scheduler: Any, target: str) -> None:
    """Rejects what is not a schedule.

    Raises:
        UserError: With what it must be.
    """
    if scheduler is not None and not isinstance(scheduler, LRScheduler):
        raise UserError(
            f"scheduler._target_={target} makes {_named(scheduler)}, not a schedule: it must return a "
            "torch.optim.lr_scheduler.LRScheduler of the optimiser and the number of steps, or None"
        )


def _logits(config: DictConfig, network: nn.Module, device: torch.device) -> torch.Tensor:
    target, shape = str(config.model._target_), list(config.data.image_shape)
    images, wanted = torch.zeros(NUM_IMAGES, *shape, device=device), (NUM_IMAGES, int(config.data.num_classes))
    with _problems("model", target, f"take images of data.image_shape={shape}"):
        logits = network(images)
    rule = f"it must be a tensor of the shape (images, classes), here {wanted}"
    if not isinstance(logits, torch.Tensor):
        raise UserError(f"model._target_={target} returns {_named(logits)} for images; {rule}")
    if tuple(logits.shape) != wanted or not logits.is_floating_point():
        raise UserError(f"model._target_={target} returns {_named(logits)} for {NUM_IMAGES} images; {rule}, of logits")
    return logits


def _criterion(config: DictConfig, loss: Any, logits: torch.Tensor) -> torch.Tensor:
    target = str(config.loss._target_)
    labels = torch.arange(NUM_IMAGES, device=logits.device) % config.data.num_classes
    if not isinstance(loss, nn.Module):
        raise UserError(f"loss._target_={target} is not a loss: it must be a torch.nn.Module of logits and labels")
    if isinstance(loss, nn.NLLLoss):
        raise UserError(
            f"loss._target_={target} takes log-probabilities, but a network gives logits; use cross_entropy"
        )
    loss.to(logits.device)
    with _problems("loss", target, "take logits (images, classes) and labels (images)"):
        criterion, twice = loss(logits, labels), loss(logits.repeat(2, 1), labels.repeat(2))
    if not (isinstance(criterion, torch.Tensor) and criterion.ndim == 0 and criterion.requires_grad):
        raise UserError(
            f"loss._target_={target} returns {_named(criterion)}; it must be a scalar tensor with a gradient, "
            "the mean over the images"
        )
    if not torch.allclose(criterion, twice, rtol=1e-3):
        raise UserError(
            f"loss._target_={target} is not the mean over the images: the same images twice give "
            f"{twice.item():.4g} instead of {criterion.item():.4g}, so the learning rate depends on the batch size; "
            "remove reduction, size_average and reduce"
        )
    return criterion


@contextmanager
def _one_thread() -> Iterator[None]:
    """Two images are no work for several threads, which wait for each other: half a second if the cores are busy."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)


@contextmanager
def _problems(group: str, target: str, task: str) -> Iterator[None]:
    """Turns an error of shapes, types or arguments into a UserError; others are faults in the code that was named."""
    try:
        yield
    except UserError:
        raise
    except PROBLEMS as error:
        reason = one_line(error)
        raise UserError(f"{group}._target_={target} cannot {task}: {reason}") from error


def _named(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of the shape {tuple(value.shape)}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
