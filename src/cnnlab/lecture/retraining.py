"""Finished runs, trained again to look at the network and the optimiser in between."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from omegaconf import DictConfig
from torch import nn
from torch.optim import Optimizer

from cnnlab.data import ImageDataModule, ShuffledBatches
from cnnlab.lecture.parallel import side_by_side
from cnnlab.report.runs import Run
from cnnlab.run.folder import RunFolder
from cnnlab.seeding import derive_seed
from cnnlab.training.build import build_classifier, build_data
from cnnlab.training.classifier import Classifier

Seen = TypeVar("Seen")
Look = Callable[[int, nn.Module, Optimizer], Seen]  # of the number of steps, the network and its optimiser


def initial(run: Run) -> tuple[Classifier, ImageDataModule]:
    """A run's network before its first step, and its data, set up.

    Args:
        run: Of which only the config is read.
    """
    config = RunFolder(run.path).config()
    classifier, data = build_classifier(config), build_data(config)
    data.setup()
    return classifier, data


def retrain(run: Run, steps: Sequence[int], look: Look[Seen]) -> tuple[Classifier, ImageDataModule, list[Seen]]:
    """Trains a run again, step by step; it ends with the same weights, bit for bit, on the same machine.

    Args:
        run: On the CPU, with a constant learning rate and no averaging.
        steps: After which steps to look, 0 is before the first; and after the last one.
        look: At the network and its optimiser.

    Returns:
        The trained network, its data, and what was seen.
    """
    config = RunFolder(run.path).config()
    classifier, data = initial(run)
    batches = data.train_dataloader()
    optimizer = classifier.make_optimizer(list(classifier.network.parameters()))
    last = config.trainer.max_epochs * len(batches)
    seen = [
        look(step, classifier.network, optimizer)
        for step in _train(classifier, optimizer, batches, config)
        if step in steps or step == last
    ]
    return classifier, data, seen


def retrain_all(runs: Sequence[Run], steps: Sequence[int], look: Look[Seen]) -> list[list[Seen]]:
    """Trains runs again as `retrain` does, as many at a time as there are cores; what was seen of each.

    Args:
        runs: Which.
        steps: After which steps to look.
        look: At the network and its optimiser: a module's function, since it goes to other processes.
    """
    return side_by_side(_seen, [(run, steps, look) for run in runs])


def _seen(run: Run, steps: Sequence[int], look: Look[Seen]) -> list[Seen]:
    return retrain(run, steps, look)[-1]


def _train(classifier: Classifier, optimizer: Optimizer, batches: ShuffledBatches, config: DictConfig) -> Iterator[int]:
    """Trains as a run does, with the same random numbers; yields how many steps are done, 0 first."""
    step = 0
    yield step
    classifier.train()
    for epoch in range(config.trainer.max_epochs):
        batches.sampler.set_epoch(epoch)
        for index, batch in enumerate(batches):
            torch.default_generator.manual_seed(derive_seed(classifier.seed, "step", epoch, index, 0))  # of dropout
            criterion, _ = classifier.compute(batch)
            optimizer.zero_grad()
            criterion.backward()
            optimizer.step()
            step += 1
            yield step
