import pytest
import torch
from torch import nn

from cnnlab.errors import UserError
from cnnlab.nn.loss import SoftmaxMSELoss
from cnnlab.training.build import build_classifier
from cnnlab.training.checkpoint import weights_sha256
from cnnlab.training.trial import try_loss, try_network
from tests.conftest import SMALL


@pytest.mark.filterwarnings("ignore:size_average and reduce args will be deprecated")
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("+loss.size_average=false", "CrossEntropyLoss is not the mean over the batch: .* 12.14 in place of 6.07,"),
        ("+loss.reduce=false", "CrossEntropyLoss does not give a single number"),
        ("loss._target_=torch.nn.NLLLoss ~loss.label_smoothing", "takes log-probabilities, but a network gives logits"),
        ("loss._target_=torch.nn.MSELoss ~loss.label_smoothing", "loss: The size of tensor a"),
        ("loss._target_=torch.nn.ReLU ~loss.label_smoothing", "loss: ReLU.forward"),
        ("+pool.stride=1", "model: mat1 and mat2 shapes cannot be multiplied"),
        ("+pool.return_indices=true", "model: relu"),
        ("activation._target_=torch.nn.GLU", "model: Halving dimension must be even"),
    ],
)
def test_a_network_or_loss_that_cannot_train_is_refused_when_it_is_built(compose_run, overrides: str, message: str):
    with pytest.raises(UserError, match=message) as error:
        build_classifier(compose_run(*SMALL, *overrides.split()))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.CrossEntropyLoss(weight=torch.arange(1.0, 11)),
        nn.MultiMarginLoss(),
        SoftmaxMSELoss(),
    ],
    ids=str,
)
def test_every_mean_over_the_batch_is_a_loss(loss: nn.Module):
    try_loss(loss, 10)


def test_logits_have_a_row_for_each_image():
    with pytest.raises(UserError, match=r"must give logits of shape \[2, 10\], but give shape \[2, 784\]"):
        try_network(nn.Flatten(), (1, 28, 28), 10)


def test_the_trial_changes_nothing(compose_run):
    network = build_classifier(compose_run(*SMALL, "model=cnn", "model.width=2")).network
    modes, before = [module.training for module in network.modules()], weights_sha256(network)
    random_state = torch.random.get_rng_state()
    try_network(network, (1, 28, 28), 10)
    assert [module.training for module in network.modules()] == modes
    assert weights_sha256(network) == before
    assert torch.equal(torch.random.get_rng_state(), random_state)
