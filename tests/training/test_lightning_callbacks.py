"""Every public callback of Lightning, configured as a user would: it does what Lightning documents, or is refused."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch.callbacks
import pytest
import torch
from lightning import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError
from cnnlab.experiment.callbacks import check_callbacks
from cnnlab.experiment.identity import fingerprint
from cnnlab.run.execution import run
from cnnlab.signals import Interrupted
from cnnlab.training.build import build_callbacks, build_classifier, build_data
from cnnlab.training.checkpoint import weights_sha256
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=3", "trainer.limit_train_batches=4", "logger=none", "callbacks=light")
DECAYS = ("optimizer.lr=0.1", "scheduler=cosine")

# What each of Lightning's callbacks is here: its arguments, and why it is refused (None: it works).
EVERY: dict[str, tuple[str, str | None]] = {
    "BackboneFinetuning": ("", "freezes a pretrained `backbone`"),
    "BaseFinetuning": ("", "is a base class"),
    "BasePredictionWriter": ("", "a run does not call"),
    "BatchSizeFinder": ("", "not the recorded data.batch_size"),
    "Callback": ("", "is a base class"),
    "Checkpoint": ("", "is a base class"),
    "DeviceStatsMonitor": ("cpu_stats: false", None),
    "EMAWeightAveraging": ("decay: 0.5", None),
    "EarlyStopping": ("monitor: train/loss, patience: 1, min_delta: 0.5", None),
    "GradientAccumulationScheduler": ("scheduling: {1: 2}", None),
    "LambdaCallback": (f"on_fit_start: {{_target_: {__name__}.ignore, _partial_: true}}", None),
    "LearningRateFinder": ("", "not the recorded optimizer.lr"),
    "LearningRateMonitor": ("", None),
    "ModelCheckpoint": ("monitor: val/acc, mode: max", None),
    "ModelPruning": ("pruning_fn: l1_unstructured, amount: 0.5, use_lottery_ticket_hypothesis: false", None),
    "ModelSummary": ("", None),
    "OnExceptionCheckpoint": ("dirpath: crash", None),
    "ProgressBar": ("", "is a base class"),
    "RichModelSummary": ("", None),
    "RichProgressBar": ("", None),
    "SpikeDetection": ("", "cannot load its own state"),
    "StochasticWeightAveraging": ("swa_lrs: [0.01], swa_epoch_start: 2, annealing_strategy: linear", None),
    "TQDMProgressBar": ("", None),
    "ThroughputMonitor": ("window_size: 2, batch_size_fn: {_target_: builtins.len, _partial_: true}", None),
    "Timer": ("duration: {seconds: 1000}, interval: epoch", None),
    "WeightAveraging": ("", None),
}
NEED_LOGGER = ("DeviceStatsMonitor", "LearningRateMonitor", "ThroughputMonitor")
WORKING = [name for name, (_, reason) in EVERY.items() if reason is None]


def added(name: str, arguments: str | None = None) -> str:
    """An override that adds one of Lightning's callbacks."""
    given = EVERY[name][0] if arguments is None else arguments
    return f"+callbacks.added={{_target_: lightning.pytorch.callbacks.{name}{', ' if given else ''}{given}}}"


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def outcome(folder: Path) -> tuple[Any, ...]:
    result = result_of(folder)
    return result["weights_sha256"], result["metrics"], result["epochs"], result["steps"]


def sha256_on_disk(config: Any, folder: Path) -> str:
    """Of the network that `cnnlab.apply` would load."""
    name = "best" if config.select == "best" else "last"
    classifier = build_classifier(config)
    classifier.load_state_dict(torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"])
    return weights_sha256(classifier.network)


@pytest.fixture(scope="module", autouse=True)
def loaded_once() -> Iterator[None]:
    """The images are read once for all of these runs."""
    from hydra import compose, initialize_config_dir

    from tests.conftest import REPOSITORY

    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        build_data(compose("train", list(SHORT))).share()
    yield
    ImageDataModule._shared.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


class Stop(Callback):
    """Sends SIGINT after a step, once."""

    def __init__(self, epoch: int, batch: int) -> None:
        self.at = (epoch, batch)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        sent = Path(trainer.default_root_dir).with_name("sent")
        if (trainer.current_epoch, batch_idx) == self.at and not sent.exists():
            sent.touch()
            signal.raise_signal(signal.SIGINT)


def ignore(*arguments: Any) -> None:
    """A function for LambdaCallback."""


class Halve(Callback):
    """Halves all weights in one of its hooks."""

    def __init__(self, hook: str) -> None:
        setattr(self, hook, self._halve)

    def _halve(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        with torch.no_grad():
            for weight in pl_module.network.parameters():
                weight.mul_(0.5)


class Fail(Callback):
    """Fails in the second epoch."""

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("on purpose")


def test_every_public_callback_is_here():
    assert set(EVERY) == set(lightning.pytorch.callbacks.__all__)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in WORKING])
def test_what_cannot_work_is_refused_with_its_reason(compose_run, name: str):
    reason = EVERY[name][1]
    assert reason is not None
    with pytest.raises(UserError) as error:
        check_callbacks(compose_run(*SHORT, added(name)))
    assert str(error.value).startswith(f"callbacks.added: {name} ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:SWA is currently only supported every epoch:UserWarning")
@pytest.mark.parametrize("name", [name for name in WORKING if name not in NEED_LOGGER])
def test_what_works_is_tested_as_it_is_on_disk_and_as_in_lightnings_own_loop(compose_run, folder: Path, name: str):
    outcomes = []
    for fast in ("true", "false") if name in CHANGES else ("true",):
        config = compose_run(*SHORT, *DECAYS, added(name), f"trainer.fast={fast}")
        check_callbacks(config)
        run(config)
        assert sha256_on_disk(config, folder) == result_of(folder)["weights_sha256"]
        outcomes.append(outcome(folder))
        shutil.rmtree(folder)
    assert len(set(map(str, outcomes))) == 1


CHANGES = (
    *("EMAWeightAveraging", "EarlyStopping", "GradientAccumulationScheduler", "ModelCheckpoint", "ModelPruning"),
    *("StochasticWeightAveraging", "Timer", "WeightAveraging"),
)
WITHIN, AT_END = (1, 1), (2, 3)


@pytest.mark.filterwarnings("ignore:SWA is currently only supported every epoch:UserWarning")
@pytest.mark.parametrize(
    ("name", "at"),
    [
        *((name, WITHIN) for name in CHANGES if name != "ModelPruning"),
        *((name, AT_END) for name in ("EMAWeightAveraging", "StochasticWeightAveraging")),
    ],
)
def test_a_stopped_run_resumes_to_the_same_bits(compose_run, folder: Path, name: str, at: tuple[int, int]):
    length = added(name) if name != "EarlyStopping" else added(name, "monitor: train/loss, patience: 2")
    run(compose_run(*SHORT, *DECAYS, length))
    expected = outcome(folder)
    shutil.rmtree(folder)
    stop = f"+callbacks.stop={{_target_: {__name__}.Stop, epoch: {at[0]}, batch: {at[1]}}}"
    with pytest.raises(Interrupted):
        run(compose_run(*SHORT, *DECAYS, length, stop))
    run(compose_run(*SHORT, *DECAYS, length, stop, f"resume={folder}"))
    assert outcome(folder) == expected


@pytest.mark.parametrize("select", ["last", "best"])
@pytest.mark.parametrize("name", ["EMAWeightAveraging", "WeightAveraging"])
def test_an_average_is_what_is_validated_tested_and_saved(compose_run, folder: Path, name: str, select: str):
    config = compose_run(*SHORT, added(name), f"select={select}")
    run(config)
    tested = sha256_on_disk(config, folder)
    assert tested == result_of(folder)["weights_sha256"]
    saved = torch.load(folder / "checkpoints" / f"{select}.ckpt", weights_only=True)
    average, current = saved["state_dict"], saved["current_model_state"]
    same = all(torch.equal(average[weight], current[weight]) for weight in average)
    assert same == (select == "last"), "the best epoch's weights are not its average"


@pytest.mark.parametrize(
    "hook", ["on_train_epoch_end", "on_train_end", "on_fit_end", "on_test_start", "on_test_epoch_start"]
)
def test_whenever_a_callback_changes_the_weights_the_tested_ones_are_on_disk(compose_run, folder: Path, hook: str):
    config = compose_run(*SHORT, f"+callbacks.halve={{_target_: {__name__}.Halve, hook: {hook}}}")
    run(config)
    assert sha256_on_disk(config, folder) == result_of(folder)["weights_sha256"]


def test_the_average_of_swa_is_tested_and_is_not_the_last_epochs_weights(compose_run, folder: Path):
    run(compose_run(*SHORT))
    without = result_of(folder)
    shutil.rmtree(folder)
    run(compose_run(*SHORT, added("StochasticWeightAveraging", "swa_lrs: 0.01, swa_epoch_start: 2")))
    averaged = result_of(folder)
    assert averaged["weights_sha256"] != without["weights_sha256"]
    assert averaged["metrics"]["test/loss"] != without["metrics"]["test/loss"]


def test_swa_recomputes_batch_norm_in_one_more_epoch_as_in_lightning(compose_run, folder: Path):
    config = compose_run(*SHORT, "model=cnn", "model.width=2", added("StochasticWeightAveraging", "swa_lrs: 0.01"))
    run(config)
    assert result_of(folder)["epochs"] == 4
    assert sha256_on_disk(config, folder) == result_of(folder)["weights_sha256"]


AVERAGE_AT_END = "swa_lrs: 0.05, swa_epoch_start: 2"
KEPT_ZEROS = "pruning_fn: l1_unstructured, amount: 0.3, use_lottery_ticket_hypothesis: false"


@pytest.mark.parametrize(
    ("name", "arguments", "choices", "moves"),
    [
        ("StochasticWeightAveraging", AVERAGE_AT_END, ("select=last",), True),
        ("StochasticWeightAveraging", AVERAGE_AT_END, ("optimizer=schedule_free",), True),
        ("ModelPruning", KEPT_ZEROS, ("select=last",), True),
        ("ModelPruning", KEPT_ZEROS, ("select=best",), True),
        ("EMAWeightAveraging", "decay: 0.5", ("select=best", "model=cnn", "model.width=2"), False),
    ],
)
def test_the_results_validation_is_of_the_tested_weights(
    compose_run, folder: Path, name: str, arguments: str, choices: tuple[str, ...], moves: bool
):
    config = compose_run(*SHORT, *choices, "optimizer.lr=0.05", added(name, arguments))
    run(config)
    classifier, data = build_classifier(config), build_data(config)
    file = "best" if config.select == "best" else "last"
    classifier.load_state_dict(torch.load(folder / "checkpoints" / f"{file}.ckpt", weights_only=True)["state_dict"])
    data.setup()
    images, labels = data.part("val")
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(classifier.eval()(images), labels).item()
    metrics = result_of(folder)["metrics"]
    assert metrics["val/loss"] == pytest.approx(loss, abs=1e-6)
    logged = float((folder / "metrics.csv").read_text().splitlines()[-1].split(",")[6])
    assert (abs(logged - loss) > 1e-4) == moves, "the epoch's own was before the callback"


def test_pruning_leaves_zeros(compose_run, folder: Path):
    run(compose_run(*SHORT, added("ModelPruning")))
    weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    assert zeros / sum(weight.numel() for weight in weights.values()) > 0.8  # half of the rest, three times


def test_early_stopping_stops(compose_run, folder: Path):
    run(compose_run(*SHORT, added("EarlyStopping", "monitor: val/acc, mode: max, stopping_threshold: 0.01")))
    assert result_of(folder)["epochs"] == 1


def test_a_timer_stops_after_whole_epochs(compose_run, folder: Path):
    run(compose_run(*SHORT, added("Timer", "duration: {seconds: 0}, interval: epoch")))
    assert result_of(folder)["epochs"] == 0, "it was over before the first epoch"
    shutil.rmtree(folder)
    run(compose_run(*SHORT, added("Timer", "duration: {microseconds: 1}, interval: epoch")))
    assert result_of(folder)["epochs"] == 1
    assert result_of(folder)["steps"] == 4


def test_accumulation_that_changes_takes_fewer_steps_and_the_schedule_ends_with_them(compose_run, folder: Path):
    run(compose_run(*SHORT, "scheduler=cosine", added("GradientAccumulationScheduler", "scheduling: {0: 1, 1: 2}")))
    assert result_of(folder)["steps"] == 4 + 2 + 2
    rate = float((folder / "metrics.csv").read_text().splitlines()[-1].split(",")[2])
    assert 0 < rate < 0.01 * 0.05, "the rate of the last of eight steps, where half a cosine ends"


def test_checkpoints_go_to_a_folder_of_their_own_in_the_run_folder(compose_run, folder: Path):
    several = "monitor: val/acc, mode: max, save_top_k: -1, save_last: true, filename: '{epoch}-{val/acc:.2f}'"
    run(compose_run(*SHORT, added("ModelCheckpoint", several)))
    places = sorted(path.relative_to(folder / "checkpoints").as_posix() for path in folder.rglob("*.ckpt"))
    assert places[-2:] == ["last.ckpt", "previous.ckpt"]
    assert len([place for place in places if place.startswith("added/epoch=")]) == 3, places
    assert "added/last.ckpt" in places


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("every_n_train_steps: 5, save_top_k: -1", ["added/epoch=1-step=5.ckpt", "added/epoch=2-step=10.ckpt"]),
        ("dirpath: kept, filename: weights, save_weights_only: true", ["../kept/weights.ckpt"]),
        ("monitor: epoch, mode: max, filename: a/b", ["added/a/b.ckpt"]),
        ("train_time_interval: {seconds: 0}, filename: timed", ["added/timed.ckpt"]),
    ],
)
def test_each_checkpoint_option_works(compose_run, folder: Path, arguments: str, expected: list[str]):
    run(compose_run(*SHORT, added("ModelCheckpoint", arguments)))
    found = {Path(os.path.relpath(path, folder / "checkpoints")).as_posix() for path in folder.rglob("*.ckpt")}
    assert found == {*expected, "last.ckpt", "previous.ckpt"}
    if "weights_only" in arguments:
        assert "optimizer_states" not in torch.load(folder / "kept" / "weights.ckpt", weights_only=True)


def test_a_checkpoint_on_an_exception_is_in_the_run_folder(compose_run, folder: Path):
    with pytest.raises(RuntimeError, match="on purpose"):
        run(compose_run(*SHORT, added("OnExceptionCheckpoint"), f"+callbacks.fail={{_target_: {__name__}.Fail}}"))
    assert torch.load(folder / "crash" / "on_exception.ckpt", weights_only=True)["global_step"] == 4


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("DeviceStatsMonitor", None),  # without psutil a CPU has no statistics
        ("LearningRateMonitor", "~lr-SGD"),
        ("ThroughputMonitor", "~train/device/batches_per_sec"),
    ],
)
@pytest.mark.filterwarnings("ignore:When using the `ThroughputMonitor`:UserWarning")
def test_what_is_monitored_is_in_tensorboard(compose_run, folder: Path, name: str, tag: str | None):
    config = compose_run(*SHORT, *DECAYS, added(name), "logger=tensorboard", "trainer.log_every_n_steps=1")
    check_callbacks(config)
    run(config)
    events = EventAccumulator(str(folder))
    events.Reload()
    assert tag is None or len(events.Scalars(tag)) > 3, events.Tags()
    with pytest.raises(UserError, match=f"{name} writes to a logger, and there is none; use logger=tensorboard"):
        check_callbacks(compose_run(*SHORT, added(name)))


@pytest.mark.parametrize("name", ["ModelSummary", "RichModelSummary"])
def test_a_summary_is_printed(
    compose_run, folder: Path, name: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    run(compose_run(*SHORT, "trainer.max_epochs=1", added(name, "max_depth: 2")))
    assert "LectureNet" in capsys.readouterr().out + caplog.text
    assert "Trainable params" in capsys.readouterr().out + caplog.text or name == "RichModelSummary"


@pytest.mark.parametrize("name", ["RichProgressBar", "TQDMProgressBar"])
def test_a_progress_bar_takes_the_place_of_ours(compose_run, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    config = compose_run(*SHORT, "trainer.max_epochs=1", added(name), "console=auto")
    run(config)
    with pytest.raises(UserError, match=f"{name} and console=bar are two progress bars; use console=lines"):
        check_callbacks(compose_run(*SHORT, added(name), "console=bar"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+callbacks.x={monitor: val/acc}", "callbacks.x is not a callback: it needs a class"),
        ("+callbacks.x=5", "callbacks.x is not a callback"),
        (added("EarlyStopping", "monitor: val_acc"), "added.monitor=val_acc is not measured; it must be one of train/"),
        (
            added("EarlyStopping", "monitor: val/acc"),
            "val/acc is better when it is higher; use callbacks.added.mode=max",
        ),
        (added("EarlyStopping", "monitor: val/loss, mode: up"), "added.mode=up is not allowed; it must be min or max"),
        (added("EarlyStopping", ""), "callbacks.added.monitor=None is not measured"),
        (added("ModelCheckpoint", "monitor: val_loss"), "callbacks.added.monitor=val_loss is not measured"),
        (added("ModelCheckpoint", "dirpath: /dev/null/x"), "cannot be written: /dev/null is a file"),
        (added("ModelCheckpoint", "dirpath: 's3://a/b'"), "it is not a folder of this machine"),
        (added("OnExceptionCheckpoint", "dirpath: /tmp"), "also another run's; use a relative path"),
        (added("EarlyStopping", "monitor: lr, check_on_train_epoch_end: false"), "must be one of val/"),
        (added("ModelCheckpoint", "monitor: train/loss, save_on_train_epoch_end: false"), "must be one of val/"),
        (added("Timer", "duration: {hours: 1}"), "added.interval=step would end a run within an epoch"),
        (added("StochasticWeightAveraging", "swa_lrs: 0.1, swa_epoch_start: 4"), "is after the last epoch"),
        (added("StochasticWeightAveraging", "swa_lrs: 0.1, swa_epoch_start: 1"), "would average the initial weights"),
        (added("StochasticWeightAveraging", "swa_lrs: 0.1, swa_epoch_start: 0.5"), "would average the initial weights"),
        (added("EMAWeightAveraging", "update_starting_at_step: 12"), "=12 is after the last of 12 steps"),
        (added("ModelPruning", "pruning_fn: l1, make_pruning_permanent: false"), "cannot be read back"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(compose_run, override: str, message: str):
    with pytest.raises(UserError) as error:
        check_callbacks(compose_run(*SHORT, override))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((added("EarlyStopping", "monitor: val/loss"), "data.num_val=0"), "monitor=val/loss is not measured"),
        ((added("EarlyStopping", "monitor: val/loss"), "trainer.limit_val_batches=0"), "val/loss is not measured"),
        ((added("EarlyStopping", "monitor: test/loss"), "watch=test"), "nothing is selected on the test set"),
        ((added("StochasticWeightAveraging"), "select=best"), "select=best never tests the average"),
        ((added("WeightAveraging"), "averaging=ema"), "both replace the weights by an average; use averaging=none"),
        ((added("GradientAccumulationScheduler"), "trainer.accumulate_grad_batches=2"), "accumulate_grad_batches=1"),
        ((added("ModelPruning"), "resume=a"), "a resumed run would end in other weights"),
        ((added("ModelPruning"), "averaging=ema"), "renames the weights that the averaging group has copied before"),
        (
            (added("ModelPruning"), added("WeightAveraging").replace("added", "b")),
            "renames the weights that WeightAveraging has copied before",
        ),
        (
            ("+averaging._target_=lightning.pytorch.callbacks.BatchSizeFinder",),
            "averaging: BatchSizeFinder trains with the batch size that fits",
        ),
    ],
)
def test_so_are_callbacks_that_do_not_go_with_other_values(compose_run, overrides: tuple[str, ...], message: str):
    with pytest.raises(UserError, match=message):
        check_callbacks(compose_run(*SHORT, *overrides))


def test_a_metric_that_no_callback_logs_is_the_users_mistake(compose_run, folder: Path):
    own = f"+callbacks.own={{_target_: {__name__}.Keeping, value: 1}}"
    config = compose_run(*SHORT, own, added("EarlyStopping", "monitor: own/metric"))
    check_callbacks(config)  # the user's own callback could log it
    with pytest.raises(UserError, match="Early stopping conditioned on metric `own/metric` which is not available"):
        run(config)


def test_two_callbacks_with_one_state_are_refused(compose_run, folder: Path):
    second = added("ModelCheckpoint", "").replace("added", "second")
    with pytest.raises(UserError, match="more than one stateful callback of type `ModelCheckpoint`"):
        run(compose_run(*SHORT, added("ModelCheckpoint", ""), second))


class OwnFinder(lightning.pytorch.callbacks.LearningRateFinder):
    """A user's own."""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (f"_target_: {__name__}.OwnFinder", "callbacks.x: LearningRateFinder trains at a learning rate that it finds"),
        ("_target_: torch.nn.ReLU", r"callbacks\.x is not a lightning\.Callback, but ReLU"),
        (
            "_target_: lightning.pytorch.callbacks.LambdaCallback, on_fit_end: print",
            "LambdaCallback takes a function, ",
        ),
        ("_target_: lightning.pytorch.callbacks.Timer, seconds: 3", r"callbacks\.x\.seconds is not an argument of"),
        ("_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: checkpoints", r"the run's own last\.ckpt"),
    ],
)
def test_what_only_the_object_tells_is_refused_when_it_is_built(
    compose_run, tmp_path: Path, settings: str, message: str
):
    with pytest.raises(UserError, match=message):
        build_callbacks(compose_run(*SHORT, f"+callbacks.x={{{settings}}}"), tmp_path)


def test_nested_values_arrive_as_plain_ones(compose_run, tmp_path: Path):
    nested = f"{{_target_: {__name__}.Keeping, value: {{a: [1, {{b: 2}}]}}}}"
    callback = build_callbacks(compose_run(*SHORT, f"+callbacks.x={nested}"), tmp_path)[0]
    assert isinstance(callback, Keeping)
    assert type(callback.value) is dict
    assert type(callback.value["a"]) is list
    assert type(callback.value["a"][1]) is dict


class Keeping(Callback):
    """Keeps its argument."""

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize("name", WORKING)
def test_only_what_cannot_change_the_numbers_leaves_the_fingerprint(compose_run: Callable[..., Any], name: str):
    observes = name in (
        *("DeviceStatsMonitor", "LearningRateMonitor", "ModelCheckpoint", "ModelSummary", "RichModelSummary"),
        *("RichProgressBar", "TQDMProgressBar", "ThroughputMonitor"),
    )
    same = fingerprint(compose_run(*SHORT, added(name))) == fingerprint(compose_run(*SHORT))
    assert same == observes
