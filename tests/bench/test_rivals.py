"""The loops that anybody could write, against ours."""

import os
from collections.abc import Callable, Iterator

import pytest
import torch
from omegaconf import DictConfig

from cnnlab.bench.rivals import KINDS, Rival, compiling_anew
from cnnlab.data.batches import Batch
from cnnlab.training.build import build_classifier
from cnnlab.training.classifier import Classifier

LECTURE = ("experiment=lecture", "data.batch_size=32", "data.eval_batch_size=50")
WITHOUT_DROPOUT = ("model.channel_dropout=0", "model.dropout=0")


@pytest.fixture
def images() -> Callable[[int], Batch]:
    """Images of two classes that a few steps tell apart."""

    def make(number: int) -> Batch:
        generator = torch.Generator().manual_seed(number)
        labels = torch.randint(2, (number,), generator=generator)
        noise = torch.randn(number, 1, 28, 28, generator=generator)
        return noise + labels.view(-1, 1, 1, 1), labels

    return make


def without_dropout(rival: Rival) -> Rival:
    rival.network.drop.p = rival.network.drop_maps.p = 0.0
    return rival


def losses_of_ours(classifier: Classifier, batches: list[Batch]) -> Iterator[float]:
    optimizer = classifier.make_optimizer(classifier.parameters())
    for images, labels in batches:
        loss = classifier.loss(classifier(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def check_training(config: DictConfig, rival: Rival, batches: list[Batch]) -> None:
    """The same initial weights and batches end in the same losses and weights."""
    classifier = build_classifier(config)
    for theirs, ours in zip(rival.network.parameters(), classifier.network.parameters(), strict=True):
        theirs.data.copy_(ours.data)
    expected = list(losses_of_ours(classifier, batches))
    assert [rival.step(*batch)[0].item() for batch in batches] == pytest.approx(expected, abs=1e-4)
    assert expected[-1] < expected[0]
    for theirs, ours in zip(rival.network.parameters(), classifier.network.parameters(), strict=True):
        torch.testing.assert_close(theirs, ours, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["nchw", "channels_last"])
def test_a_rival_trains_the_same_network(name: str, compose_run, images):
    config = compose_run(*LECTURE, *WITHOUT_DROPOUT)
    train = images(320)
    rival = without_dropout(Rival(config, train, train, KINDS[name].memory_format))
    check_training(config, rival, list(zip(*(part.split(32) for part in train), strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compiled_nchw", "compiled_channels_last"])
def test_a_compiled_rival_does_too_and_is_compiled_once(name: str, compose_run, images, capfd):
    config = compose_run(*LECTURE, *WITHOUT_DROPOUT)
    train, test = images(330), images(120)
    rival = without_dropout(Rival(config, train, test, KINDS[name].memory_format))
    weights = [parameter.detach().clone() for parameter in rival.network.parameters()]
    with compiling_anew():
        try:
            rival.compile()
        except RuntimeError as error:
            pytest.skip(f"torch.compile does not work here: {error}")
    assert all(map(torch.equal, rival.network.parameters(), weights))
    check_training(config, rival, list(zip(*(part.split(32) for part in train), strict=True)))
    rival.epoch()  # whose last batches, of 10 and 20 images, would have it compile again, which it refuses


def test_an_epoch_trains_on_all_images_and_evaluates_all(compose_run, images):
    rival = Rival(compose_run(*LECTURE), images(330), images(120))
    steps: list[int] = []
    rival.step = lambda images, labels: steps.append(len(labels)) or Rival.step(rival, images, labels)
    epoch = rival.epoch()
    assert steps == [32] * 10 + [10]
    assert epoch.num_steps == 11
    assert epoch.train_s > 0
    assert epoch.eval_s > 0
    assert rival.network.training


def test_a_part_of_an_epoch_has_the_smaller_batch_and_the_time_of_a_whole(compose_run, images, monkeypatch):
    ticks = iter([0.0, 1.0, 22.0, 32.0, 43.0, 50.0])  # start, shuffled, each batch, trained, evaluated
    rival = Rival(compose_run(*LECTURE), images(330), images(120))
    steps: list[int] = []
    rival.step = lambda images, labels: steps.append(len(labels)) or Rival.step(rival, images, labels)
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    epoch = rival.epoch(share=0.18)
    assert steps == [32, 10]
    assert epoch.train_s == pytest.approx(1.0 + 10 * 21.0 + 21.0)
    assert epoch.eval_s == 7.0


def test_the_metrics_are_means_over_images(compose_run, images):
    rival = without_dropout(Rival(compose_run(*LECTURE, "optimizer.lr=0.05"), images(330), images(120)))
    for _ in range(2):
        rival.epoch()
    pictures, labels = rival.test
    logits = rival.network.eval()(pictures)
    loss, accuracy = rival.metrics["test"]
    assert loss == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), abs=1e-6)
    assert accuracy == (logits.argmax(dim=1) == labels).double().mean().item()
    assert accuracy > 0.9
    assert rival.metrics["train"][1] > 0.5


def test_compiling_anew_leaves_the_settings_as_they_were(monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/somewhere")
    limit = torch.compiler.config.recompile_limit
    with compiling_anew():
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] != "/somewhere"
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/somewhere"
    assert torch.compiler.config.recompile_limit == limit
