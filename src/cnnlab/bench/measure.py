"""Measures all contenders, interleaved, so that a slower machine affects all of them."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from cnnlab.bench.contenders import Epoch, bare_loop, data_seconds, lightning_loop, plain_loop
from cnnlab.bench.floor import matmul_rate, multiply_adds
from cnnlab.training.build import build_data
from cnnlab.training.fast.memory import keep_freed_memory
from cnnlab.training.quiet import quieten

CONTENDERS = ("plain", "bare", "lightning", "floor")
PLAIN_SHARE = 0.1  # of an epoch: the plain loop is slow and its steps are alike
OUR_SHARE = 0.5  # of its training; the evaluation is whole


@dataclass(frozen=True)
class Setting:
    """The batch size and the number of threads."""

    batch_size: int
    num_threads: int


@dataclass(frozen=True)
class Measurement:
    """One repetition of a contender at a setting; times of a whole epoch, in seconds."""

    contender: str
    setting: Setting
    epoch: Epoch
    data_s: float = 0.0


def measure(
    config: DictConfig, settings: list[Setting], repetitions: int, progress: Callable[[str], None]
) -> list[Measurement]:
    """Runs every contender at every setting, `repetitions` times after a warm-up.

    Args:
        config: The composed config of `experiment=lecture`.
        settings: The settings.
        repetitions: The number of repetitions.
        progress: Called with progress messages.
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
        for repetition in range(repetitions + 1):
            for setting in settings:
                progress(f"{repetition} of {repetitions}: batch {setting.batch_size}, threads {setting.num_threads}")
                torch.set_num_threads(setting.num_threads)
                data.batch_size = setting.batch_size
                changed = _at(config, setting)
                with tempfile.TemporaryDirectory() as folder:
                    epochs = {
                        "plain": plain_loop(changed, data.effective, raw, PLAIN_SHARE),
                        "bare": bare_loop(changed, data, OUR_SHARE),
                        "lightning": lightning_loop(changed, data, Path(folder)),
                        "floor": _floor(setting, data.sizes["train"]),
                    }
                data_s = data_seconds(data)
                if repetition > 0:
                    measurements += [Measurement(name, setting, epoch, data_s) for name, epoch in epochs.items()]
    finally:
        torch.set_num_threads(threads)
    return measurements


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
