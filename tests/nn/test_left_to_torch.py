"""What our kernels must leave to torch, or do as torch does: misuse, tracing, unusual backward passes."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

from cnnlab import kernels
from cnnlab.nn.batch_norm import BatchNorm2d
from cnnlab.nn.convolution import Conv2d, ConvPool
from cnnlab.nn.dropout import Dropout
from cnnlab.nn.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from cnnlab.nn.sequential import Sequential

pytestmark = pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")


def images(channels: int, size: int = 9, num: int = 16, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(num, channels, size, size), the batch innermost in memory."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(channels, size, size, num, generator=generator, dtype=dtype).permute(3, 0, 1, 2)


def network() -> nn.Module:
    torch.manual_seed(1)
    return Sequential(
        *(ConvPool(Conv2d(2, 4, 3, padding=1), MaxPool2d(2)), nn.ReLU(), Conv2d(4, 4, 3, padding=1), BatchNorm2d(4)),
        *(nn.ReLU(), MaxPool2d(2), AvgPool2d(2), GlobalAvgPool2d(), nn.Flatten(), nn.Linear(4, 3)),
    )


def by_torch(compute: Callable[[], torch.Tensor]) -> torch.Tensor:
    kernels.choose("torch")
    try:
        return compute()
    finally:
        kernels.choose("auto")


# ---- misuse: torch's error, and nothing is written ----


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        (Conv2d(1, 8, 3, padding=1), 3),
        (Conv2d(3, 8, 3), 1),
        (ConvPool(Conv2d(3, 8, 5), MaxPool2d(2)), 2),
        (BatchNorm2d(1), 6),
        (BatchNorm2d(6), 1),
        (BatchNorm2d(6).eval(), 1),
    ],
)
def test_another_number_of_channels_is_torchs_error(layer: nn.Module, channels: int):
    with pytest.raises(RuntimeError, match=r"channels|elements"):
        layer(images(channels))


def test_a_bias_of_another_type_or_length_is_torchs_error():
    layer = Conv2d(2, 8, 3).double()
    for bias in (torch.zeros(8), torch.zeros(7, dtype=torch.float64)):
        layer.bias = nn.Parameter(bias)
        with pytest.raises(RuntimeError):
            layer(images(2, dtype=torch.float64))


def test_a_map_without_windows_is_torchs_error():
    with pytest.raises(RuntimeError, match="too small"):
        MaxPool2d(2)(images(3, size=1))


def test_huge_images_are_left_to_torch():
    weight = torch.empty(1, 1, 3, 3)
    assert kernels.can_convolve(torch.empty(1).expand(8, 1, 64, 64), weight, None, 0)
    assert not kernels.can_convolve(torch.empty(1).expand(8, 1, 3, 5000), weight, None, 0)
    assert not kernels.can_convolve(torch.empty(1).expand(8, 200, 4000, 4000), weight.expand(1, 200, 3, 3), None, 0)


def test_no_images_are_no_crash():
    assert kernels.conv2d(torch.empty(0, 1, 8, 8), torch.empty(2, 1, 3, 3), None).shape == (0, 2, 6, 6)


def test_batch_norm_without_a_bias_is_torchs():
    layer = BatchNorm2d(3, bias=False)
    for mode in (True, False):
        layer.train(mode)
        expected = functional.batch_norm(
            images(3), layer.running_mean.clone(), layer.running_var.clone(), layer.weight, None, training=mode
        )
        torch.testing.assert_close(layer(images(3)), expected)


# ---- devices ----


def test_the_default_device_does_not_matter():
    layers, given = (network(), Dropout()), images(2)
    with torch.device("meta"):
        outputs = [layer(given) for layer in layers]
    assert {output.device.type for output in outputs} == {"cpu"}
    with torch.device("meta"):
        outputs[0].sum().backward()


# ---- who has to see torch's operations ----


def test_operations_are_counted_and_traced():
    net = network()
    with FlopCounterMode(display=False) as counter:
        net(images(2))
    assert counter.get_total_flops() > 2 * 16 * (81 * 4 * 2 * 9 + 16 * 4 * 4 * 9)
    graph = make_fx(net.eval(), tracing_mode="real")(images(2))
    torch.testing.assert_close(graph(images(2) + 1), net(images(2) + 1))


@pytest.mark.filterwarnings("ignore:.*is deprecated.*", "ignore::torch.jit.TracerWarning")
def test_a_trace_computes_what_the_network_does():
    net = network().eval()
    with torch.no_grad():
        traced = torch.jit.trace(net, images(2))
        torch.testing.assert_close(traced(images(2) + 1), net(images(2) + 1))


def test_layers_can_be_traced_symbolically():
    pools = (MaxPool2d(2), AvgPool2d(2), GlobalAvgPool2d())
    for layer in (Conv2d(2, 4, 3), *pools, Dropout().eval()):  # torch's batch norm cannot
        graph = torch.fx.symbolic_trace(layer)
        torch.testing.assert_close(graph(images(2)), layer(images(2)))


def test_a_parametrisation_is_computed_once():
    calls = []

    class Counted(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            calls.append(1)
            return 2 * weight

    layer = Conv2d(2, 4, 3)
    parametrize.register_parametrization(layer, "weight", Counted(), unsafe=True)
    for num in (16, 2):  # our kernel, torch's
        calls.clear()
        layer(images(2, num=num))
        assert len(calls) == 1


def test_a_subclass_computes_what_it_says():
    class Double(BatchNorm2d):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(images)

    torch.testing.assert_close(
        Sequential(Double(2), nn.ReLU())(images(2)), 2 * Sequential(BatchNorm2d(2), nn.ReLU())(images(2))
    )


def test_a_lazy_negative_is_negative():
    numbers = torch.complex(images(2), images(2))
    layer = Conv2d(2, 3, 3)
    torch.testing.assert_close(layer(numbers.conj().imag), layer(-images(2)))

    def gradient() -> torch.Tensor:
        given = images(2).requires_grad_()
        maps = layer(given)
        return torch.autograd.grad(torch.complex(maps, maps).conj().imag.sum(), given)[0]

    torch.testing.assert_close(gradient(), by_torch(gradient))


# ---- backward passes ----


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_layer_that_is_used_twice_in_a_row_has_torchs_gradients(create_graph: bool):
    convolve, normalise = Conv2d(2, 2, 3, padding=1).double(), BatchNorm2d(2).double()
    given = images(2, dtype=torch.float64)

    def gradients() -> torch.Tensor:
        outputs = normalise(normalise(convolve(convolve(given)))).sin()
        found = torch.autograd.grad(
            outputs.square().sum(), [convolve.weight, convolve.bias, normalise.weight], create_graph=create_graph
        )
        return torch.cat([each.flatten() for each in found])

    torch.testing.assert_close(gradients(), by_torch(gradients))


def test_a_tensor_may_be_two_parameters():
    shared, maps = torch.randn(2, dtype=torch.float64, requires_grad=True), images(2, dtype=torch.float64)

    def norm(shared: torch.Tensor) -> torch.Tensor:
        return kernels.batch_norm(maps, shared, shared, 1e-5)[0].sin()

    assert torch.autograd.gradcheck(norm, shared)
    assert torch.autograd.gradgradcheck(norm, shared)


def test_gradients_in_batches_are_torchs():
    given = images(2).requires_grad_()

    def jacobian() -> torch.Tensor:
        net = network()
        directions = torch.eye(48).view(48, 16, 3)
        return torch.autograd.grad(net(given), given, directions, is_grads_batched=True)[0]

    torch.testing.assert_close(jacobian(), by_torch(jacobian), rtol=1e-4, atol=1e-5)


def test_saved_tensors_may_come_back_in_another_layout():
    given = images(2).requires_grad_()

    def gradient() -> torch.Tensor:
        return torch.autograd.grad(network()(given).sum(), given)[0]

    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.contiguous(), lambda tensor: tensor):
        again = gradient()
    torch.testing.assert_close(again, gradient())


# ---- torch.compile ----


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_network_uses_torchs_kernels(backend: str, monkeypatch: pytest.MonkeyPatch):
    expected = by_torch(lambda: network()(images(2)))
    for name in ("conv2d", "batch_norm", "max_pool2d", "dropout_mask"):
        monkeypatch.setattr(kernels, name, lambda *_, **__: pytest.fail("our kernel was called"))
    torch.compiler.reset()
    compiled = torch.compile(network(), backend=backend)
    torch.testing.assert_close(compiled(images(2)), expected)
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch.compile looks at it
def test_a_kernel_in_a_compiled_function_is_called_with_real_numbers():
    weight, given = torch.randn(4, 2, 3, 3, requires_grad=True), images(2)

    def loss(given: torch.Tensor) -> torch.Tensor:
        maps = kernels.max_pool2d(kernels.batch_norm(kernels.conv2d(2 * given, weight, None), None, None, 1e-5)[0])
        return (maps * kernels.dropout_mask(maps, 0.0)).sin().sum()

    torch.compiler.reset()
    found = torch.compile(loss, backend="aot_eager")(given)
    torch.testing.assert_close(found, loss(given))
    for ours, theirs in zip(*(torch.autograd.grad(value, weight) for value in (found, loss(given))), strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.compiler.reset()
