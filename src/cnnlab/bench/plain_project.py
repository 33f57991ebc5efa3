"""python -m cnnlab.bench.plain_project ROOT EPOCHS SEED: a plain Lightning and torchvision project, to compare with.

It is the lecture's network as Lightning's own tutorials have it: a DataLoader over torchvision's transforms, metrics
logged every epoch, the test set at the end.
"""

import sys
import tempfile
from typing import Any

import lightning
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, random_split
from torchvision import datasets, transforms

from cnnlab.bench.plain_net import PlainNet

Batch = tuple[torch.Tensor, torch.Tensor]


class PlainClassifier(lightning.LightningModule):
    """The network and its training."""

    def __init__(self) -> None:
        super().__init__()
        self.network = PlainNet()

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The loss, in nats."""
        images, labels = batch
        loss = functional.cross_entropy(self.network(images), labels)
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Logs the accuracy."""
        self._evaluate(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Logs the accuracy."""
        self._evaluate(batch, "test")

    def configure_optimizers(self) -> Any:
        """As in conf/optimizer/momentum.yaml."""
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.5)

    def _evaluate(self, batch: Batch, split: str) -> None:
        images, labels = batch
        self.log(f"{split}/acc", (self.network(images).argmax(dim=1) == labels).float().mean())


def main(root: str, epochs: int, seed: int) -> None:
    """Trains and tests."""
    lightning.seed_everything(seed, verbose=False)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train, val = random_split(datasets.MNIST(root, transform=transform), [55_000, 5_000])
    test = datasets.MNIST(root, train=False, transform=transform)
    classifier = PlainClassifier()
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=epochs, default_root_dir=folder, accelerator="cpu", enable_progress_bar=False
        )
        trainer.fit(classifier, DataLoader(train, 64, shuffle=True), DataLoader(val, 1000))
        trainer.test(classifier, DataLoader(test, 1000), verbose=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
