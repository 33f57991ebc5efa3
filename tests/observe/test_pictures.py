from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from cnnlab.nn import CNN, MLP, LectureNet
from cnnlab.observe import pictures
from cnnlab.observe.pictures import first_layer_weights
from cnnlab.observe.predictions import of_all_processes
from cnnlab.run.execution import run
from cnnlab.training.build import build_classifier, build_data
from tests.conftest import MNIST, SMALL


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST), (10, 5, 5)),
        (CNN(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST, width=8), (8, 3, 3)),
        (MLP(nn.ReLU, **MNIST, width=20), (20, 28, 28)),
        (MLP(nn.ReLU, **MNIST, width=300), (100, 28, 28)),
    ],
)
def test_the_first_layers_weights_are_pictures(network: nn.Module, shape: tuple[int, ...]):
    weights = first_layer_weights(network, MNIST["image_shape"])
    assert weights.shape == shape
    first = next(network.parameters())
    assert torch.equal(weights[3].flatten(), first[3].flatten())


def test_of_several_channels_the_first_layers_mean_is_shown():
    facts = {"image_shape": (3, 20, 28), "num_classes": 5}
    rows = MLP(nn.ReLU, **facts, width=6)
    red, green, blue = rows.layers[1].weight.detach().view(6, 3, 20, 28).unbind(1)
    torch.testing.assert_close(first_layer_weights(rows, (3, 20, 28)), (red + green + blue) / 3)
    filters = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **facts)
    red, green, blue = next(filters.parameters()).detach().unbind(1)
    torch.testing.assert_close(first_layer_weights(filters, (3, 20, 28)), (red + green + blue) / 3)


def test_the_confusion_matrix_has_true_classes_in_rows(compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drawn: list[torch.Tensor] = []
    monkeypatch.setattr(pictures, "draw_confusion", lambda counts, classes: (drawn.append(counts), Figure())[1])
    run(compose_run(*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=5", "logger=none"))
    config = compose_run(*SMALL)
    classifier, data = build_classifier(config).eval(), build_data(config)
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    classifier.load_state_dict(checkpoint["state_dict"])
    data.setup()
    images, labels = data.part("test")
    predicted = classifier(images).argmax(dim=1)
    expected = [[((labels == true) & (predicted == wrong)).sum().item() for wrong in range(10)] for true in range(10)]
    assert drawn[0].tolist() == expected


def test_the_processes_logits_come_in_the_order_of_the_images(monkeypatch: pytest.MonkeyPatch):
    whole = torch.randn(7, 10)
    shards = [whole[rank::3] for rank in range(3)]
    monkeypatch.setattr(torch.distributed, "all_gather_object", lambda into, own: into.__setitem__(slice(None), shards))
    assert torch.equal(of_all_processes(shards[1], SimpleNamespace(world_size=3)), whole)
