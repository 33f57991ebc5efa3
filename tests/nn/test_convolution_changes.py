"""A ConvPool whose convolution is changed, copied or transformed, against torch's own layers."""

import copy
import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn.utils import parametrizations, parametrize, prune

from cnnlab.nn.convolution import ConvPool
from tests.nn.test_convolution import MAX, NEEDS_KERNELS, PLAIN, Counting


def _with_own_forward(conv: nn.Conv2d) -> None:
    conv.forward = lambda images: -nn.Conv2d.forward(conv, images)


class Change(NamedTuple):
    """What a user may do to a convolution, and how to undo it."""

    make: Callable[[nn.Module], Any]
    remove: Callable[[nn.Module], Any]


def parametrised(make: Callable[[nn.Module], Any]) -> Change:
    return Change(make, lambda conv: parametrize.remove_parametrizations(conv, "weight"))


def pruned(method: Callable[..., Any], *arguments: Any, name: str = "weight", **options: Any) -> Change:
    return Change(lambda conv: method(conv, name, *arguments, **options), lambda conv: prune.remove(conv, name))


def _pruned_globally(conv: nn.Module) -> None:
    prune.global_unstructured([(conv, "weight"), (conv, "bias")], prune.L1Unstructured, amount=0.4)


CHANGES = {
    "spectral_norm": Change(nn.utils.spectral_norm, nn.utils.remove_spectral_norm),
    "weight_norm": Change(nn.utils.weight_norm, nn.utils.remove_weight_norm),
    "parametrised spectral_norm": parametrised(parametrizations.spectral_norm),  # each look is a power iteration
    "parametrised weight_norm": parametrised(parametrizations.weight_norm),
    "orthogonal": parametrised(parametrizations.orthogonal),
    "prune.identity": pruned(prune.identity),
    "prune.random_unstructured": pruned(prune.random_unstructured, 0.5),
    "prune.l1_unstructured": pruned(prune.l1_unstructured, 0.5),
    "prune.l1_unstructured of the bias": pruned(prune.l1_unstructured, 1, name="bias"),
    "prune.random_structured": pruned(prune.random_structured, 1, dim=0),
    "prune.ln_structured": pruned(prune.ln_structured, 1, n=2, dim=0),
    "prune.custom_from_mask": pruned(prune.custom_from_mask, mask=torch.eye(5).expand(3, 1, 5, 5)),
    "prune.global_unstructured": Change(_pruned_globally, lambda conv: prune.remove(conv, "weight")),
    "forward": Change(_with_own_forward, lambda conv: delattr(conv, "forward")),
}
EVERY_CHANGE = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
OLD_STYLE = pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")


def changed(kind: type[nn.Sequential], change: Change) -> nn.Sequential:
    torch.manual_seed(0)
    layer = kind(nn.Conv2d(1, 3, 5), nn.MaxPool2d(2))
    change.make(layer[0])
    return layer


def assert_same(ours: nn.Sequential, theirs: nn.Sequential) -> None:
    """The same output, gradients and state, in training and in evaluation."""
    images = torch.randn(16, 1, 28, 28)
    for is_training in (True, False, True):
        outputs = []
        for layer in (ours, theirs):
            layer.train(is_training)
            layer.zero_grad()
            outputs.append(layer(images))
            outputs[-1].square().sum().backward()
        assert torch.equal(*outputs)
        for (name, our), (their_name, their) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert name == their_name
            assert torch.equal(our.grad, their.grad)
        for our_state, their_state in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            assert torch.equal(our_state, their_state)


@OLD_STYLE
@EVERY_CHANGE
def test_a_changed_convolution_is_left_to_torch(monkeypatch: pytest.MonkeyPatch, change: Change):
    counting = Counting(monkeypatch)
    assert_same(changed(ConvPool, change), changed(nn.Sequential, change))
    assert counting.calls == 0


@NEEDS_KERNELS
@OLD_STYLE
@EVERY_CHANGE
def test_without_the_change_it_is_fused_again(monkeypatch: pytest.MonkeyPatch, change: Change):
    counting, layers = Counting(monkeypatch), [changed(kind, change) for kind in (ConvPool, nn.Sequential)]
    for layer in layers:
        change.remove(layer[0])
        if change is CHANGES["prune.global_unstructured"]:
            prune.remove(layer[0], "bias")
    images = torch.randn(16, 1, 28, 28)
    torch.testing.assert_close(layers[0](images), layers[1](images))
    assert counting.calls == 1


def _attempt(action: Callable[[nn.Module], nn.Module], layer: nn.Module) -> nn.Module | str:
    try:
        return action(layer)
    except RuntimeError as error:
        return str(error)


def _pickled(layer: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@OLD_STYLE
@pytest.mark.parametrize("action", [copy.deepcopy, _pickled])
@EVERY_CHANGE
def test_it_is_copied_and_pickled_as_torchs_layer_is(change: Change, action: Callable[[nn.Module], nn.Module]):
    if change is CHANGES["forward"]:
        pytest.skip("a function of the test is not pickled, and its copy is bound to the original")
    ours, theirs = (_attempt(action, changed(kind, change)) for kind in (ConvPool, nn.Sequential))
    if isinstance(theirs, str):  # torch refuses, so we do
        assert ours == theirs
    else:
        assert_same(ours, theirs)


@OLD_STYLE
@EVERY_CHANGE
def test_a_changed_layers_state_is_loaded_as_torchs_is(change: Change):
    source, ours, theirs = (changed(kind, change) for kind in (nn.Sequential, ConvPool, nn.Sequential))
    source(torch.randn(16, 1, 28, 28)).sum().backward()
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.sub_(0.1 * parameter.grad)
    for layer in (ours, theirs):
        layer.load_state_dict(source.state_dict())
    assert_same(ours, theirs)


def _loss(layer: nn.Module, weights: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    return torch.func.functional_call(layer, weights, (images,)).square().sum()


TRANSFORMS: dict[str, Callable[[nn.Module, dict[str, torch.Tensor], torch.Tensor], Any]] = {
    "grad": lambda layer, weights, images: torch.func.grad(_loss, argnums=1)(layer, weights, images),
    "vmap": lambda layer, weights, images: torch.func.vmap(torch.func.grad(_loss, argnums=1), (None, None, 0))(
        layer, weights, images.unsqueeze(1).expand(-1, 8, -1, -1, -1)
    ),
    "jvp": lambda layer, weights, images: torch.func.jvp(layer, (images,), (images,)),
}


FORWARD_MODE = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own decompositions


@FORWARD_MODE
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_transform_is_left_to_torch(transform: Callable[..., Any]):
    images, results = torch.randn(8, 1, 28, 28), []
    for kind in (ConvPool, nn.Sequential):
        torch.manual_seed(0)
        layer = kind(nn.Conv2d(1, 3, 5), nn.MaxPool2d(2))
        weights = {name: parameter.detach() for name, parameter in layer.named_parameters()}
        results.append(transform(layer, weights, images))
    torch.testing.assert_close(*results)


@NEEDS_KERNELS
@FORWARD_MODE
def test_forward_mode_is_left_to_torch(monkeypatch: pytest.MonkeyPatch):
    counting, layer, images = Counting(monkeypatch), ConvPool(PLAIN, MAX), torch.randn(16, 1, 28, 28)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(images, images)
        torch.testing.assert_close(
            forward_ad.unpack_dual(layer(dual)).tangent, forward_ad.unpack_dual(MAX(PLAIN(dual))).tangent
        )
    assert counting.calls == 0
    layer(images)
    assert counting.calls == 1
