"""The trainer's arguments: which a config may set, and which of them Lightning would change, ignore or refuse later."""

import difflib
import math
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.program import as_typed

TRAINER = ("lightning.Trainer", "lightning.pytorch.Trainer", "lightning.pytorch.trainer.trainer.Trainer")
ARGUMENTS = (  # of lightning.Trainer 2.6.6, which would take seconds to import
    *("accelerator", "strategy", "devices", "num_nodes", "precision", "logger", "callbacks", "fast_dev_run"),
    *("max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "limit_train_batches", "limit_val_batches"),
    *("limit_test_batches", "limit_predict_batches", "overfit_batches", "val_check_interval"),
    *("check_val_every_n_epoch", "num_sanity_val_steps", "log_every_n_steps", "enable_checkpointing"),
    *("enable_progress_bar", "enable_model_summary", "accumulate_grad_batches", "gradient_clip_val"),
    *("gradient_clip_algorithm", "deterministic", "benchmark", "inference_mode", "use_distributed_sampler"),
    *("profiler", "detect_anomaly", "barebones", "plugins", "sync_batchnorm", "reload_dataloaders_every_n_epochs"),
    *("default_root_dir", "enable_autolog_hparams", "model_registry"),
)
INSTEAD = {  # arguments that would do nothing here, and what to do instead
    "logger": "choose a logger by its group, such as logger=none or logger=tensorboard",
    "callbacks": "add a callback by its group: +callbacks.<name>={_target_: …}",
    "default_root_dir": "set the run folder with hydra.run.dir=…",
    "enable_progress_bar": "choose console=bar, lines or none",
    "enable_checkpointing": "a run always writes its checkpoints, which it needs to resume and to be read back; "
    "+callbacks.<name>={_target_: lightning.pytorch.callbacks.ModelCheckpoint} adds others",
    "plugins": "set trainer.precision or trainer.strategy; the checkpoint files are cnnlab's own",
    "limit_predict_batches": "a run does not predict; remove it",
    "use_distributed_sampler": "the batches are divided among the processes without a sampler; remove it",
    "reload_dataloaders_every_n_epochs": "the images stay on the device, in a new order each epoch; remove it",
    "barebones": "a run needs its metrics and checkpoints; trainer.fast=true makes steps cheaper",
    "enable_autolog_hparams": "result.json and .hydra/ hold the config; remove it",
    "model_registry": "a run uploads nothing; remove it",
}
OURS = ("fast", "cuda_graph", "_target_", "_convert_", "_recursive_")
CAPTURED = ("SGD", "Adam", "AdamW")  # of torch.optim


def check_trainer(config: DictConfig) -> None:
    """Rejects trainer arguments that have no effect, or that Lightning would change.

    Args:
        config: A composed config whose values are allowed one by one.

    Raises:
        UserError: With the value, what is allowed and what to do, on one line.
    """
    trainer = config.trainer
    if trainer.get("_target_") in TRAINER:
        for name in map(str, trainer):
            _check_argument(name, trainer)
    for problem in _combinations(config):
        raise UserError(problem)


def _check_argument(name: str, trainer: DictConfig) -> None:
    if name in INSTEAD:
        raise UserError(f"trainer.{name}={as_typed(trainer[name])} has no effect: {INSTEAD[name]}")
    if name not in (*ARGUMENTS, *OURS):
        allowed = [argument for argument in (*ARGUMENTS, "fast", "cuda_graph") if argument not in INSTEAD]
        near = difflib.get_close_matches(name, allowed, n=1)
        hint = f"did you mean trainer.{near[0]}?" if near else f"its arguments are {', '.join(allowed)}"
        raise UserError(f"trainer.{name} is not an argument of lightning.Trainer; {hint}")


def _combinations(config: DictConfig) -> Iterator[str]:
    """What is wrong with values that are allowed one by one."""
    trainer = config.trainer
    value = trainer.get
    if value("accelerator") == "cpu" and is_half_mixed(value("precision")):
        yield half_mixed_on_cpu(value("precision"))
    if value("benchmark") and value("deterministic"):
        yield (
            "trainer.benchmark=true chooses algorithms by their speed, but trainer.deterministic="
            f"{as_typed(trainer.deterministic)}; remove it, or use trainer.deterministic=false"
        )
    if value("gradient_clip_algorithm") is not None and value("gradient_clip_val") is None:
        yield (
            f"trainer.gradient_clip_algorithm={trainer.gradient_clip_algorithm} has no effect without "
            "trainer.gradient_clip_val; set it, such as trainer.gradient_clip_val=1.0"
        )
    if value("sync_batchnorm") and (not _is_distributed(trainer) or value("accelerator") == "cpu"):
        yield "trainer.sync_batchnorm=true needs several GPUs, such as trainer=ddp trainer.accelerator=cuda; remove it"
    if (value("min_epochs") or 0) > trainer.max_epochs:
        yield f"trainer.min_epochs={trainer.min_epochs} is more than trainer.max_epochs={trainer.max_epochs}; lower it"
    if (overfit := value("overfit_batches")) and not value("fast_dev_run"):
        for name in ("limit_train_batches", "limit_val_batches"):
            if value(name, 1.0) != 1.0 or type(value(name, 1.0)) is int:
                yield (
                    f"trainer.{name}={trainer[name]} has no effect with trainer.overfit_batches={overfit}, which "
                    f"limits training and validation; use trainer.{name}=1.0, or remove trainer.overfit_batches"
                )
    yield from _empty_fractions(config)
    if value("cuda_graph"):
        yield from (
            f"trainer.cuda_graph=true {problem}, or trainer.cuda_graph=false" for problem in _uncaptured(config)
        )


def _uncaptured(config: DictConfig) -> Iterator[str]:
    """What of a config cannot be in a CUDA graph of the whole step, and what to use."""
    trainer, optimizer = config.trainer, config.optimizer
    value = trainer.get
    if (accelerator := value("accelerator")) in ("cpu", "mps"):
        yield f"needs a CUDA device, but trainer.accelerator={accelerator}; use trainer=gpu"
    if not value("fast", True):
        yield "replaces Lightning's own loop, which trainer.fast=false asks for; use trainer.fast=true"
    if config.model.get("compile"):
        yield "captures the step that model.compile=true compiles; use model.compile=false"
    if (precision := str(value("precision", "32-true"))) not in ("32-true", "32", "None"):
        yield f"is for single precision, and trainer.precision={precision}; use trainer.precision=32-true"
    if (clip := value("gradient_clip_val")) is not None:
        yield f"has no gradients to clip, but trainer.gradient_clip_val={clip}; use trainer.gradient_clip_val=null"
    if (batches := value("accumulate_grad_batches", 1)) != 1:
        yield (
            f"has a step for each batch, but trainer.accumulate_grad_batches={batches}; use "
            "trainer.accumulate_grad_batches=1 and a larger data.batch_size"
        )
    if _is_distributed(trainer) or value("strategy", "auto") != "auto":
        yield "is for one GPU; use trainer=gpu"
    if value("profiler") is not None:
        yield f"leaves nothing to measure to trainer.profiler={as_typed(trainer.profiler)}; use trainer.profiler=null"
    if value("detect_anomaly"):
        yield "cannot look at values as trainer.detect_anomaly=true does; use trainer.detect_anomaly=false"
    package, _, name = str(optimizer._target_).rpartition(".")
    if not package.startswith("torch.optim") or name not in CAPTURED:
        yield f"captures torch's fused SGD, Adam and AdamW, and not {name}; use optimizer=momentum, adam or adamw"
    elif optimizer.get("fused") is not True:
        yield f"captures the fused {name} only; use optimizer.fused=true"


def is_half_mixed(precision: Any) -> bool:
    """Whether a precision is mixed with float16, in one of Lightning's spellings."""
    return str(precision) in ("16", "16-mixed")


def half_mixed_on_cpu(precision: Any) -> str:
    """What to tell who asks for float16 on a CPU, where Lightning would use bfloat16."""
    return f"trainer.precision={precision} needs a GPU; on a CPU use trainer.precision=bf16-mixed"


def num_processes(trainer: DictConfig) -> int:
    """The number of processes if the config tells it, else 1."""
    devices = trainer.get("devices", 1)
    if isinstance(devices, str):
        return int(devices) if devices.isdigit() else 1
    return max(devices, 1) if isinstance(devices, int) else max(len(devices or [0]), 1)


def num_steps(config: DictConfig) -> int:
    """The optimiser steps of the fit on the data set of the config, if each epoch accumulates alike."""
    data, trainer = config.data, config.trainer
    num_batches = _num_batches(trainer, data.num_train - data.num_val, data.batch_size)
    limit = trainer.get("overfit_batches") or trainer.get("limit_train_batches", 1.0)
    num_batches = min(num_batches, limit) if type(limit) is int else int(num_batches * limit)
    if fast := trainer.get("fast_dev_run"):
        return min(num_batches, int(fast))
    return int(trainer.max_epochs * math.ceil(num_batches / trainer.get("accumulate_grad_batches", 1)))


def _num_batches(trainer: DictConfig, num_images: int, batch_size: int) -> int:
    """The batches of an epoch in each process."""
    return math.ceil(math.ceil(num_images / num_processes(trainer)) / batch_size)


def _is_distributed(trainer: DictConfig) -> bool:
    return num_processes(trainer) > 1 or trainer.get("devices") in ("auto", "-1", -1)


def _empty_fractions(config: DictConfig) -> Iterator[str]:
    """Fractions of the batches that are none."""
    data, trainer = config.data, config.trainer
    if trainer.get("fast_dev_run"):
        return  # counts batches
    images = {"train": data.num_train - data.num_val, "val": data.num_val, "test": data.num_test}
    fit = "overfit_batches" if trainer.get("overfit_batches") else None
    for limit, split, batch_size in (
        (fit or "limit_train_batches", "train", data.batch_size),
        (fit or "limit_val_batches", config.watch, data.eval_batch_size),
        ("limit_test_batches", "test", data.eval_batch_size),
    ):
        fraction = trainer.get(limit, 1.0)
        num_batches = _num_batches(trainer, images[split], batch_size)
        if type(fraction) is float and fraction > 0 and num_batches > 0 and int(num_batches * fraction) == 0:
            size = "data.batch_size" if split == "train" else "data.eval_batch_size"
            yield (
                f"trainer.{limit}={fraction} leaves no batch of the {split} images, which are {num_batches} "
                f"batch{'es' * (num_batches > 1)}; use a number of batches, such as trainer.{limit}=1, a larger "
                f"fraction, or a smaller {size}"
            )
