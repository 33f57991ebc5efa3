"""A graph of the step does what eager steps do: with a recorder that needs no GPU, and on one (marked `gpu`)."""

import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import Callback
from torch.nn.utils import parametrizations

from cnnlab.errors import Diverged, UserError
from cnnlab.observe import Diagnostics
from cnnlab.run.execution import run
from cnnlab.training import build
from cnnlab.training.fast import cuda_graph
from cnnlab.training.fast.cuda_graph import CudaRecorder, SinglePrecisionRates
from cnnlab.training.fast.eligibility import HOOKS_IN_GRAPH, check_graph
from tests.processes import start
from tests.training.fast.fits import Fit, Parts, assert_same, fit, is_lean
from tests.training.fast.recorder import FakeRecorder, Peeking

NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
NUM_EAGER = cuda_graph.WARM_UP_STEPS
EXACT = ("optimizer.lr=0.0078125", "scheduler=constant")  # 2⁻⁷ is the same in single precision


def graphed(
    compose_run: Callable[..., Any],
    folder: Path,
    *overrides: str,
    change: Callable[[Parts], None] = lambda parts: None,
    **others: Any,
) -> tuple[Fit, FakeRecorder]:
    recorder = FakeRecorder()

    def with_recorder(parts: Parts) -> None:
        parts.trainer.fit_loop.epoch_loop.make_recorder = lambda: recorder
        change(parts)

    return fit(compose_run, folder, "kernels=torch", *overrides, fast=True, change=with_recorder, **others), recorder


def eager(compose_run: Callable[..., Any], folder: Path, *overrides: str, **others: Any) -> Fit:
    return fit(compose_run, folder, "kernels=torch", *overrides, fast=True, **others)


@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer=momentum",),
        ("optimizer=sgd",),  # and loss=mse on a GPU: on a CPU one_hot looks at its values
        ("optimizer=nesterov", "model.num_members=2"),
        ("optimizer=adam", "model=compact", "model.channels=[4,4]", "averaging=ema", "averaging.every_n_steps=2"),
        ("optimizer=adamw", "model=cnn", "model.width=2", "augmentation=affine", "loss.label_smoothing=0.1"),
        ("optimizer=adamw", "+optimizer.amsgrad=true", "+optimizer.maximize=true"),
    ],
    ids=" ".join,
)
def test_replays_are_the_eager_steps(compose_run, tmp_path: Path, overrides: tuple[str, ...]):
    graph, recorder = graphed(compose_run, tmp_path, *overrides, *EXACT)
    assert_same(graph, eager(compose_run, tmp_path, *overrides, *EXACT))
    assert (recorder.num_recordings, recorder.num_replays) == (1, 12 - recorder.num_aside)
    assert recorder.num_aside == NUM_EAGER


@pytest.mark.parametrize(
    ("optimizer", "scheduler"), [("momentum", "cosine"), ("adamw", "onecycle"), ("nesterov", "step")]
)
def test_a_schedule_is_followed_in_single_precision(compose_run, tmp_path: Path, optimizer: str, scheduler: str):
    choice = (f"optimizer={optimizer}", f"scheduler={scheduler}")
    graph, recorder = graphed(compose_run, tmp_path, *choice)
    stock = eager(compose_run, tmp_path, *choice)
    assert recorder.num_replays == 12 - NUM_EAGER
    assert graph.loops == stock.loops
    for name, weights in stock.weights.items():
        torch.testing.assert_close(graph.weights[name], weights, rtol=1e-4, atol=1e-5, msg=name)
    rates = [[group["lr"] for group in ended.trainer.optimizers[0].param_groups] for ended in (graph, stock)]
    assert rates[0] == rates[1], "schedules, loggers and checkpoints have the exact ones"
    assert graph.metrics["lr"] == stock.metrics["lr"]


def test_a_replayed_step_has_the_bits_of_an_eager_one_with_a_graph(
    compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    replayed, _ = graphed(compose_run, tmp_path, "optimizer=adamw")
    monkeypatch.setattr(cuda_graph, "WARM_UP_STEPS", 1000)
    never, recorder = graphed(compose_run, tmp_path, "optimizer=adamw")
    assert recorder.num_aside == 12
    assert_same(replayed, never)


def test_a_smaller_last_batch_is_eager_and_the_graph_outlives_the_epoch(compose_run, tmp_path: Path):
    sizes = ("data.batch_size=620", "trainer.limit_train_batches=1.0")  # 4000 images: 6 and 280
    choice = ("optimizer=momentum", *EXACT, *sizes)
    graph, recorder = graphed(compose_run, tmp_path, *choice)
    assert_same(graph, eager(compose_run, tmp_path, *choice))
    assert (recorder.num_recordings, recorder.num_aside, recorder.num_replays) == (1, NUM_EAGER + 2, 12 - NUM_EAGER)


class Saving(Callback):
    """Saves after a step, or after its epoch."""

    def __init__(self, hook: str, step: int, path: Path) -> None:
        self.step, self.path = step, path
        setattr(self, hook, self._save)

    def _save(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize(
    ("hook", "step"), [("on_train_batch_end", 2), ("on_train_batch_end", 11), ("on_train_epoch_end", 12)]
)
def test_a_resumed_fit_is_the_whole_one(compose_run, tmp_path: Path, hook: str, step: int):
    choice = ("optimizer=momentum", "trainer.max_epochs=3")
    whole, _ = graphed(compose_run, tmp_path, *choice, callbacks=(Saving(hook, step, tmp_path / "started.ckpt"),))
    resumed, recorder = graphed(compose_run, tmp_path, *choice, checkpoint=tmp_path / "started.ckpt")
    assert recorder.num_recordings == 1
    assert recorder.num_replays > 0
    assert resumed.trainer.global_step == whole.trainer.global_step
    assert resumed.metrics == whole.metrics
    assert all(torch.equal(resumed.weights[name], whole.weights[name]) for name in whole.weights)


class Changing(Callback):
    """Changes something before the eighth step, and notes the gradients after each."""

    def __init__(self, change: Callable[[Any, Any], None]) -> None:
        self.change = change
        self.gradients: list[list[torch.Tensor]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == 7:
            self.change(trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self.gradients.append([p.grad.clone() for p in pl_module.parameters() if p.grad is not None])


def replace_weights(trainer: Any, module: Any) -> None:
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()


def freeze(trainer: Any, module: Any) -> None:
    first = next(module.parameters())
    first.requires_grad_(False)  # the first, whose gradient would take the rest of the backward pass along


def other_momentum(trainer: Any, module: Any) -> None:
    trainer.optimizers[0].param_groups[0]["momentum"] = 0.75


def other_rate(trainer: Any, module: Any) -> None:
    trainer.optimizers[0].param_groups[0]["lr"] = 0.03125


def evaluate(trainer: Any, module: Any) -> None:
    module.network.eval()  # without dropout from now on


def reload_state(trainer: Any, module: Any) -> None:
    trainer.optimizers[0].load_state_dict(copy.deepcopy(trainer.optimizers[0].state_dict()))


def drop_gradients(trainer: Any, module: Any) -> None:
    trainer.optimizers[0].zero_grad()


@pytest.mark.parametrize(
    ("change", "num_recordings"),
    [(replace_weights, 2), (other_momentum, 2), (evaluate, 2), (reload_state, 2), (freeze, 1), (other_rate, 1),
     (drop_gradients, 1)],
)  # fmt: skip
def test_what_a_callback_changes_counts(
    compose_run, tmp_path: Path, change: Callable[[Any, Any], None], num_recordings: int
):
    choice = ("optimizer=momentum", *EXACT)
    seeing = Changing(change), Changing(change)
    graph, recorder = graphed(compose_run, tmp_path, *choice, callbacks=(seeing[0],))
    assert_same(graph, eager(compose_run, tmp_path, *choice, callbacks=(seeing[1],)))
    assert recorder.num_recordings == num_recordings
    for replayed, computed in zip(seeing[0].gradients, seeing[1].gradients, strict=True):
        assert all(map(torch.equal, replayed, computed))


class Listening(Callback):
    """Hooks a layer, or a parameter, in two steps of an epoch, and notes what goes through."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.heard: list[float] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx < 4:
            return
        if self.where == "layer":
            self.handle = pl_module.network.register_forward_hook(lambda _, __, logits: self.note(logits))
        else:
            self.handle = next(pl_module.network.parameters()).register_hook(self.note)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx >= 4:
            self.handle.remove()

    def note(self, tensor: torch.Tensor) -> None:
        self.heard.append(tensor.sum().item())


@pytest.mark.parametrize("where", ["layer", "parameter"])
def test_a_hooked_step_is_eager_and_one_line_says_so(
    compose_run, tmp_path: Path, where: str, caplog: pytest.LogCaptureFixture
):
    listening = Listening(where), Listening(where)
    with caplog.at_level(logging.WARNING, logger="cnnlab"):
        graph, recorder = graphed(compose_run, tmp_path, *EXACT, callbacks=(listening[0],))
    assert sum("trainer.cuda_graph: a step is eager whenever" in message for message in caplog.messages) == 1
    assert_same(graph, eager(compose_run, tmp_path, *EXACT, callbacks=(listening[1],)))
    assert len(listening[0].heard) == 4
    assert listening[0].heard == listening[1].heard
    assert (recorder.num_recordings, recorder.num_aside) == (1, NUM_EAGER + 4)


def test_diagnostics_make_two_steps_of_an_epoch_eager(compose_run, tmp_path: Path):
    graph, recorder = graphed(compose_run, tmp_path, *EXACT, callbacks=(Diagnostics(),))
    of_graph = (tmp_path / "diagnostics.csv").read_text()
    assert_same(graph, eager(compose_run, tmp_path, *EXACT, callbacks=(Diagnostics(),)))
    assert (recorder.num_recordings, recorder.num_aside) == (1, NUM_EAGER + 4)
    assert "update_cosine" in of_graph
    assert of_graph == (tmp_path / "diagnostics.csv").read_text()


def test_a_parametrization_is_replayed(compose_run, tmp_path: Path):
    def change(parts: Parts) -> None:
        layer = next(m for m in parts.classifier.network.modules() if isinstance(m, torch.nn.Linear))
        parametrizations.weight_norm(layer)

    choice = ("model=mlp", *EXACT)
    graph, recorder = graphed(compose_run, tmp_path, *choice, change=change)
    assert_same(graph, eager(compose_run, tmp_path, *choice, change=change))
    assert recorder.num_recordings == 1


def test_a_divergence_is_found_in_the_step_of_an_eager_fit(compose_run, tmp_path: Path):
    choice = ("optimizer=sgd", "optimizer.lr=1e30", "scheduler=constant", "trainer.log_every_n_steps=1")
    messages = []
    for how in (graphed, eager):
        with pytest.raises(Diverged) as diverged:
            how(compose_run, tmp_path, *choice)
        messages.append(str(diverged.value))
    assert messages[0] == messages[1]


def test_a_fit_with_a_profiler_or_a_hooked_optimizer_is_eager_and_one_line_says_why(
    compose_run, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def hook(parts: Parts) -> None:
        make = parts.classifier.make_optimizer

        def made(parameters: Any) -> Any:
            optimizer = make(parameters)
            optimizer.register_step_post_hook(lambda *_: None)
            return optimizer

        parts.classifier.make_optimizer = made

    for choice, change, why in (
        (("+trainer.profiler=simple",), lambda parts: None, "epoch 1 is eager: a profiler is active"),
        (
            ("optimizer=lion",),
            lambda parts: None,
            "epoch 1 is eager: the optimiser is not torch's fused SGD, Adam or A",
        ),
        ((), hook, "epoch 1 is eager: the optimiser is not torch's fused SGD, Adam or AdamW, or it has hooks"),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="cnnlab"):
            graph, recorder = graphed(compose_run, tmp_path, *choice, "trainer.max_epochs=1", change=change)
        assert [record.message for record in caplog.records if "cuda_graph" in record.message] == [
            message for message in caplog.messages if why in message
        ]
        assert sum(why in message for message in caplog.messages) == 1
        assert recorder.num_recordings == 0
        assert_same(graph, eager(compose_run, tmp_path, *choice, "trainer.max_epochs=1", change=change))


def test_what_cannot_be_captured_is_one_line(compose_run, tmp_path: Path):
    def change(parts: Parts) -> None:
        parts.classifier.loss = Peeking()

    line = r"a step cannot be captured \(operation not permitted.*\); use trainer\.cuda_graph=false"
    with pytest.raises(UserError, match=line):
        graphed(compose_run, tmp_path, change=change)


def test_without_the_switch_there_is_none(compose_run, tmp_path: Path):
    ended = eager(compose_run, tmp_path)
    assert is_lean(ended.trainer)
    loop: Any = ended.trainer.fit_loop.epoch_loop
    assert (loop.make_recorder, loop._graph) == (None, None)


def test_the_switch_of_the_config_is_all_that_a_run_needs(compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recorders: list[FakeRecorder] = []
    monkeypatch.setattr(build, "CudaRecorder", lambda: recorders.append(FakeRecorder()) or recorders[0])
    monkeypatch.setattr(build, "check_graph", lambda trainer: None)  # that there is no GPU
    small = ("data=mnist_5k", "console=none", "kernels=torch", "callbacks=full", "logger=none", "trainer.max_epochs=2")
    results = []
    for switch in ("true", "false"):
        run(compose_run(*small, f"trainer.cuda_graph={switch}", "optimizer.lr=0.0078125"))
        results.append(json.loads((tmp_path / "run" / "result.json").read_text()))
        (tmp_path / "run").rename(tmp_path / switch)
    assert [result["weights_sha256"] for result in results] == [results[1]["weights_sha256"]] * 2
    assert results[0]["metrics"] == results[1]["metrics"]
    assert results[0]["fingerprint"] != results[1]["fingerprint"]
    assert recorders[0].num_recordings == 1
    assert recorders[0].num_replays == 2 * 63 - NUM_EAGER - 2 - 4  # a smaller batch and two measured steps an epoch


@pytest.mark.parametrize("hook", HOOKS_IN_GRAPH)
def test_a_callback_that_would_be_passed_over_is_refused(hook: str):
    callback = type("Watching", (Callback,), {hook: lambda self, *_: None})()
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cuda")), callbacks=[callback])
    with pytest.raises(
        UserError, match=rf"cuda_graph=true cannot call {hook} of Watching, .*; remove the callback, or"
    ):
        check_graph(trainer)
    trainer.callbacks = [Diagnostics(), Saving("on_train_batch_end", 1, Path())]
    check_graph(trainer)


def test_rates_are_rounded_for_the_step_alone():
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1, fused=True)
    seen: list[float] = []
    rates = SinglePrecisionRates(optimizer)
    with rates.in_lightnings_step():
        optimizer.step(closure=lambda: seen.append(optimizer.param_groups[0]["lr"]) or 0.0)  # type: ignore[func-returns-value]
    assert seen == [0.1]
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert not optimizer._optimizer_step_pre_hooks
    with rates:
        rates.round()
        assert optimizer.param_groups[0]["lr"] == torch.tensor(0.1).item() != 0.1
    assert optimizer.param_groups[0]["lr"] == 0.1


class CountingRecorder(CudaRecorder):
    """Counts the replays."""

    def __init__(self) -> None:
        super().__init__()
        self.num_launches = 0

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        launch = super().record(work)

        def replay() -> None:
            self.num_launches += 1
            launch()

        return replay


def graphed_on_gpu(compose_run: Callable[..., Any], folder: Path, *overrides: str, **others: Any) -> tuple[Fit, int]:
    """A fit with a CUDA graph, and how many of its steps were replayed."""
    made: list[CountingRecorder] = []

    def with_count(parts: Parts) -> None:
        parts.trainer.fit_loop.epoch_loop.make_recorder = lambda: made.append(CountingRecorder()) or made[0]  # type: ignore[func-returns-value]

    switches = ("trainer.accelerator=cuda", "trainer.cuda_graph=true")
    ended = fit(compose_run, folder, *switches, *overrides, fast=True, change=with_count, **others)
    assert ended.trainer.strategy.root_device.type == "cuda"
    return ended, made[0].num_launches


def assert_same_bits(first: Fit, second: Fit) -> None:
    assert first.metrics == second.metrics
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in second.weights)


@pytest.mark.gpu
@NEEDS_GPU
@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer=momentum", "scheduler=cosine"),
        ("optimizer=adamw", "scheduler=onecycle"),
        ("optimizer=sgd", "loss=mse"),
        ("optimizer=nesterov", "model.num_members=2"),
        ("optimizer=adam", "model=compact", "averaging=ema", "averaging.every_n_steps=2"),
        ("optimizer=adamw", "model=cnn", "augmentation=affine", "loss.label_smoothing=0.1"),
        ("data.batch_size=620", "trainer.limit_train_batches=1.0"),  # the last batch of an epoch has 280
    ],
    ids=" ".join,
)
def test_on_a_gpu_replays_are_the_eager_steps(compose_run, tmp_path: Path, overrides: tuple[str, ...]):
    graph, num_replays = graphed_on_gpu(compose_run, tmp_path, *overrides)
    stock = fit(compose_run, tmp_path, "trainer.accelerator=cuda", *overrides, fast=True)
    assert num_replays == 12 - NUM_EAGER
    assert graph.loops == stock.loops
    for name, weights in stock.weights.items():
        torch.testing.assert_close(graph.weights[name], weights, rtol=1e-3, atol=1e-4, msg=name)
    for name, value in stock.metrics.items():
        torch.testing.assert_close(graph.metrics[name], value, rtol=1e-3, atol=5e-3, msg=name)


@pytest.mark.gpu
@NEEDS_GPU
@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_on_a_gpu_a_replayed_step_has_the_bits_of_an_eager_one_with_a_graph(
    compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
):
    replayed, _ = graphed_on_gpu(compose_run, tmp_path, f"optimizer={optimizer}")
    monkeypatch.setattr(cuda_graph, "WARM_UP_STEPS", 1000)
    never, num_replays = graphed_on_gpu(compose_run, tmp_path, f"optimizer={optimizer}")
    assert num_replays == 0
    assert_same_bits(replayed, never)


@pytest.mark.gpu
@NEEDS_GPU
def test_on_a_gpu_a_resumed_fit_is_the_whole_one(compose_run, tmp_path: Path):
    choice = ("optimizer=adamw", "trainer.max_epochs=3")
    saving = Saving("on_train_batch_end", 8, tmp_path / "started.ckpt")
    whole, _ = graphed_on_gpu(compose_run, tmp_path, *choice, callbacks=(saving,))
    resumed, num_replays = graphed_on_gpu(compose_run, tmp_path, *choice, checkpoint=tmp_path / "started.ckpt")
    assert num_replays > 0
    assert_same_bits(resumed, whole)


@pytest.mark.gpu
@NEEDS_GPU
@pytest.mark.parametrize("change", [replace_weights, other_momentum, evaluate, reload_state, freeze, other_rate])
def test_on_a_gpu_what_a_callback_changes_counts(compose_run, tmp_path: Path, change: Callable[[Any, Any], None]):
    choice = ("optimizer=momentum", *EXACT)
    graph, _ = graphed_on_gpu(compose_run, tmp_path, *choice, callbacks=(Changing(change),))
    stock = fit(compose_run, tmp_path, "trainer.accelerator=cuda", *choice, fast=True, callbacks=(Changing(change),))
    for name, weights in stock.weights.items():
        torch.testing.assert_close(graph.weights[name], weights, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.gpu
@NEEDS_GPU
def test_on_a_gpu_what_cannot_be_captured_is_one_line(tmp_path: Path):
    typed = ("data=mnist_5k", "trainer=gpu", "trainer.cuda_graph=true", "console=none", "logger=none", "loss=mse")
    peeking = "loss._target_=tests.training.fast.recorder.Peeking"
    code, text = start(tmp_path / "out", *typed, peeking, f"hydra.run.dir={tmp_path / 'run'}").wait()
    assert code == 2, text
    assert "a step cannot be captured" in text
    assert text.rstrip().endswith("use trainer.cuda_graph=false")
