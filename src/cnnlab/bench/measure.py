"""Measures all contenders, interleaved, so that a slower machine affects all of them."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from cnnlab.bench.contenders import Epoch, bare_loop, data_seconds, lightning_loop, plain_loop
from cnnlab.bench.floor import matmul_rate, multiply_adds
from cnnlab.bench.rivals import KINDS, Rival, compiling_anew
from cnnlab.data import ImageDataModule, Images
from cnnlab.data.batches import Batch
from cnnlab.training.build import build_data
from cnnlab.training.fast.memory import keep_freed_memory
from cnnlab.training.quiet import quieten

OURS = "lightning"
PLAIN_SHARE = RIVAL_SHARE = 0.1  # of an epoch's training: these loops are slow, and their steps are alike
OUR_SHARE = 0.5


@dataclass(frozen=True)
class Setting:
    """The batch size and the number of threads."""

    batch_size: int
    num_threads: int

    def __str__(self) -> str:
        return f"batch {self.batch_size}, {self.num_threads} thread{'s' * (self.num_threads > 1)}"


@dataclass(frozen=True)
class Measurement:
    """One repetition of a contender at a setting; times of a whole epoch, in seconds."""

    contender: str
    setting: Setting
    epoch: Epoch
    data_s: float = 0.0
    compile_s: float = 0.0  # before the first step, not part of the epoch


def measure(
    config: DictConfig,
    settings: list[Setting],
    repetitions: int,
    progress: Callable[[str], None],
    compiles: bool = True,
) -> list[Measurement]:
    """Runs every contender at every setting, `repetitions` times after a warm-up.

    Args:
        config: The composed config of `experiment=lecture`.
        settings: The settings.
        repetitions: The number of repetitions.
        progress: Called with progress messages.
        compiles: Whether `torch.compile`'s loops are among the contenders; they are left out, with a message, if it
            fails.
    """
    quieten()
    data = build_data(config)
    data.prepare_data()
    data.setup()
    raw = data.effective.files.load()
    keep_freed_memory()
    threads = torch.get_num_threads()
    measurements: list[Measurement] = []
    try:
        with compiling_anew():
            rivals = _rivals(config, settings, data.part("train"), data.part("test"), progress, compiles)
        for repetition in range(repetitions + 1):
            for setting in settings:
                progress(f"{repetition} of {repetitions}: {setting}")
                _set_torch(setting)
                data.batch_size = setting.batch_size
                epochs = _epochs(_at(config, setting), setting, data, raw, rivals[setting])
                data_s = data_seconds(data)
                if repetition > 0:
                    compile_s = {name: rival.compile_s for name, rival in rivals[setting].items()}
                    measurements += [
                        Measurement(name, setting, epoch, data_s, compile_s.get(name, 0.0))
                        for name, epoch in epochs.items()
                    ]
    finally:
        torch.set_num_threads(threads)
    return measurements


def _set_torch(setting: Setting) -> None:
    """Sets the threads, and else what torch starts with: `trainer.deterministic` of the last repetition stays."""
    torch.set_num_threads(setting.num_threads)
    torch.use_deterministic_algorithms(False)


def _epochs(
    config: DictConfig, setting: Setting, data: ImageDataModule, raw: Images, rivals: dict[str, Rival]
) -> dict[str, Epoch]:
    """A repetition: the contenders one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            "plain": plain_loop(config, data.effective, raw, PLAIN_SHARE),
            **{name: rival.epoch(RIVAL_SHARE) for name, rival in rivals.items()},
            "bare": bare_loop(config, data, OUR_SHARE),
            OURS: lightning_loop(config, data, Path(folder)),
            "floor": _floor(setting, data.sizes["train"]),
        }


def _rivals(
    config: DictConfig,
    settings: list[Setting],
    train: Batch,
    test: Batch,
    progress: Callable[[str], None],
    compiles: bool,
) -> dict[Setting, dict[str, Rival]]:
    """The rivals of each setting, compiled for it."""
    rivals: dict[Setting, dict[str, Rival]] = {setting: {} for setting in settings}
    for setting in settings:
        _set_torch(setting)
        for name, kind in KINDS.items():
            rival = Rival(_at(config, setting), train, test, kind.memory_format)
            if kind.is_compiled and compiles:
                progress(f"torch.compile: {setting}, {name.removeprefix('compiled_')}")
                try:
                    rival.compile()
                except RuntimeError as error:  # of any of its layers
                    compiles = False
                    reason = next(iter(str(error).splitlines()), type(error).__name__)
                    progress(f"torch.compile is left out, since it does not work here: {reason}")
            if compiles or not kind.is_compiled:
                rivals[setting][name] = rival
    return rivals


def _at(config: DictConfig, setting: Setting) -> DictConfig:
    changes = {
        "data": {"batch_size": setting.batch_size},
        "trainer": {"max_epochs": 1, "limit_train_batches": OUR_SHARE},
    }
    changed = OmegaConf.merge(config, changes)
    assert isinstance(changed, DictConfig)
    return changed


def _floor(setting: Setting, num_images: int) -> Epoch:
    return Epoch(multiply_adds() * num_images / matmul_rate(), 0.0, -(-num_images // setting.batch_size))
