"""An epoch of the lecture's experiment as the tutorials, a bare loop and cnnlab train it, on the same images."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import Callback
from omegaconf import DictConfig
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from cnnlab.bench.plain_net import PlainNet
from cnnlab.data import ImageDataModule, Images
from cnnlab.seeding import derive_seed
from cnnlab.signals import SignalGuard
from cnnlab.training.build import build_classifier, build_trainer
from cnnlab.training.epoch_checkpoint import EpochCheckpoint
from cnnlab.training.history import History
from cnnlab.training.interruption import StopOnSignal
from cnnlab.training.loggers import build_loggers, close_loggers
from cnnlab.training.run_logger import COMPLETED

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Epoch:
    """Wall time of an epoch, extrapolated from a part of it, in seconds."""

    train_s: float
    eval_s: float
    num_steps: int  # of the whole epoch


class PlainImages(Dataset[tuple[torch.Tensor, int]]):
    """Images as `torchvision.datasets.MNIST` hands them out: a PIL image each, then the tutorials' transforms."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, mean: float, std: float) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((mean,), (std,))])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index].numpy())), int(self.labels[index])


def now() -> float:
    """Seconds on a clock, once a GPU has done what it was asked."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def plain_loop(
    config: DictConfig, data: ImageDataModule, raw: Images, share: float, device: torch.device = CPU
) -> Epoch:
    """A loop over torchvision transforms and a DataLoader, as in the tutorials; loss and accuracy of the test set."""
    train = PlainImages(raw.train_images, raw.train_labels, data.mean, data.std)
    test = PlainImages(raw.test_images, raw.test_labels, data.mean, data.std)
    network, settings = PlainNet().to(device), config.optimizer
    optimizer = torch.optim.SGD(network.parameters(), lr=settings.lr, momentum=settings.momentum)
    train_batches = DataLoader(train, config.data.batch_size, shuffle=True)
    test_batches = DataLoader(test, config.data.eval_batch_size)
    num_steps, num_evals = (max(1, round(len(batches) * share)) for batches in (train_batches, test_batches))
    started = now()
    for _, (images, labels) in zip(range(num_steps), train_batches, strict=False):
        optimizer.zero_grad()
        functional.cross_entropy(network(images.to(device)), labels.to(device)).backward()
        optimizer.step()
    trained = now()
    network.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for _, (images, labels) in zip(range(num_evals), test_batches, strict=False):
            images, labels = images.to(device), labels.to(device)
            logits = network(images)
            loss += functional.cross_entropy(logits, labels, reduction="sum").item()
            correct += int((logits.argmax(dim=1) == labels).sum())
    evaluated = now()
    part = _part(num_steps, config, len(train))
    return Epoch((trained - started) / part, (evaluated - trained) * len(test_batches) / num_evals, len(train_batches))


def bare_loop(config: DictConfig, data: ImageDataModule, share: float) -> Epoch:
    """Our batches, network, optimiser and sums in a loop without Lightning: no callback, logger or checkpoint."""
    classifier = build_classifier(config)
    network, optimizer = classifier.network, classifier.make_optimizer(classifier.parameters())
    totals = classifier.train_totals
    parameters, batches, tests = list(network.parameters()), data.train_dataloader(), data.test_dataloader()
    num_steps = max(1, round(len(batches) * share))
    started = time.perf_counter()
    for step, (images, labels) in zip(range(num_steps), batches, strict=False):
        torch.default_generator.manual_seed(derive_seed(config.seed, "step", 0, step, 0))
        logits = network(images)
        loss = classifier.loss(logits, labels)
        totals.add(loss, logits, labels)
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        optimizer.step()
    totals.pop_means(lambda sums: sums)
    trained = time.perf_counter()
    network.eval()
    with torch.inference_mode():
        for images, labels in tests:
            logits = network(images)
            totals.add(classifier.loss(logits, labels), logits, labels)
        totals.pop_means(lambda sums: sums)
    evaluated = time.perf_counter()
    return Epoch((trained - started) / _part(num_steps, config, len(batches.images)), evaluated - trained, len(batches))


class Clock(Callback):
    """Records when an epoch's training started and ended, and when its evaluation and files were done."""

    def on_train_epoch_start(self, *args: Any) -> None:
        """Training starts."""
        self.started = now()

    def on_validation_start(self, *args: Any) -> None:
        """Training ends."""
        self.trained = now()

    def on_fit_end(self, *args: Any) -> None:
        """The epoch ends."""
        self.ended = now()


def lightning_loop(config: DictConfig, data: ImageDataModule, folder: Path, added: Sequence[Callback] = ()) -> Epoch:
    """An epoch as in `python train.py`, including logger, metrics.csv, checkpoint and signals.

    Args:
        config: The composed config.
        data: Set up.
        folder: Of the run.
        added: More callbacks.
    """
    history, clock = History(folder / "metrics.csv", config.watch), Clock()
    checkpoint = EpochCheckpoint(history, folder / "last.ckpt")
    with SignalGuard() as guard:
        callbacks = [clock, *added, StopOnSignal(guard, folder / "last.ckpt"), history, checkpoint]
        loggers = build_loggers(config, folder)
        trainer = build_trainer(config, folder, callbacks, loggers)
        trainer.fit(build_classifier(config), datamodule=data, weights_only=True)
    close_loggers(loggers, COMPLETED)  # TensorBoard's thread writes into the folder until then
    batches = data.train_dataloader()
    part = _part(int(trainer.num_training_batches), config, len(batches.images))
    return Epoch((clock.trained - clock.started) / part, clock.ended - clock.trained, len(batches))


def _part(num_steps: int, config: DictConfig, num_images: int) -> float:
    """The first steps' part of an epoch's images: the last batch may be smaller."""
    return min(1.0, float(num_steps * config.data.batch_size / num_images))


def data_seconds(data: ImageDataModule) -> float:
    """Wall time of an epoch's batches alone, in seconds: shuffling and indexing."""
    started = time.perf_counter()
    for _ in data.train_dataloader():
        pass
    return time.perf_counter() - started
