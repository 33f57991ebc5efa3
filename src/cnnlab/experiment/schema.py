"""The rule for each config value, as text and as a predicate."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError

from cnnlab.errors import UserError
from cnnlab.experiment.advice import advice_on
from cnnlab.metrics import OBJECTIVES
from cnnlab.program import as_typed

ABSENT: Final = object()
OF_SWEEPS = ("sweep.", "tuning.", "report.")  # settings of a sweep, which no run reads
FIRST_TUNING_SEED = 1000  # seeds from here on are for tuning: no result is reported on them
OURS = "hydra_plugins.cnnlab_plugins."  # we check the keys of our launchers and sweepers only


@dataclass(frozen=True)
class Rule:
    """Which values are allowed, as text and as a predicate."""

    allowed: str
    holds: Callable[[Any], bool]


def integer(minimum: int, maximum: float = math.inf) -> Rule:
    """An integer within bounds."""
    words = f"an integer from {minimum} to {maximum}" if maximum < math.inf else f"an integer >= {minimum}"
    return Rule(words, lambda value: type(value) is int and minimum <= value <= maximum)


def or_null(rule: Rule) -> Rule:
    """Allows null too."""
    return Rule(f"null or {rule.allowed}", lambda value: value is None or rule.holds(value))


def check_values(config: DictConfig, *, skip_unresolved: bool = False) -> None:
    """Rejects a config with a value that is not allowed; absent keys are not checked.

    Args:
        config: A composed config; with Hydra's part, a sweep's launcher and sweeper are checked too.
        skip_unresolved: Whether a reference to a missing key is left for later: in a sweep, each job may have that key.

    Raises:
        UserError: With the value and what is allowed.
    """
    mode = OmegaConf.select(config, "hydra.mode")
    is_single = mode is not None and mode.name == "RUN"  # which has neither launcher nor sweeper, as a sweep's jobs
    for key, rule in RULES.items():
        if is_single and key.startswith(("hydra.launcher.", "hydra.sweeper.")):
            continue
        try:
            value = _value(config, key)
        except InterpolationKeyError:
            if not skip_unresolved:
                raise
            continue
        if value is not ABSENT and not rule.holds(value):
            advice = advice_on(config, key, value, rule)
            shown = " ".join(as_typed(value).split())
            raise UserError(f"{key}={shown} is not allowed; it must be {rule.allowed}{advice}")


def _value(config: DictConfig, key: str) -> Any:
    *path, name = key.split(".")
    node: Any = config
    for step in path:
        node = node.get(step) if isinstance(node, DictConfig) else None
    if not isinstance(node, DictConfig) or name not in node or OmegaConf.is_missing(node, name):
        return ABSENT
    is_foreign = path[:1] == ["hydra"] and not str(node.get("_target_", OURS)).startswith(OURS)
    return ABSENT if is_foreign else node[name]


def _number(words: str, holds: Callable[[float], bool]) -> Rule:
    return Rule(
        f"a number {words}",
        lambda value: type(value) in (int, float) and math.isfinite(value) and holds(value),
    )


def _one_of(*options: Any) -> Rule:
    return Rule(" or ".join(map(as_typed, options)), lambda value: value in options)


def _is_list_of(kind: type | tuple[type, ...], value: Any) -> bool:
    return isinstance(value, ListConfig | list) and all(type(item) is kind or isinstance(item, kind) for item in value)


def _is_name(value: Any) -> bool:
    """Whether it can name a file or a folder in another folder."""
    text = str(value)
    is_plain = text.isprintable() and not set(text) & {"/", "\\"} and text not in ("", ".", "..")
    return type(value) in (str, int) and is_plain and not text.startswith("~")


def _is_limit(value: Any, *, zero: bool) -> bool:
    return type(value) in (int, float) and (value > 0 or (zero and value == 0)) and (type(value) is int or value <= 1)


def _target(value: Any) -> str:
    """The class that a mapping names; an empty text if it is not one."""
    return str(value.get("_target_") or "") if isinstance(value, DictConfig | dict) else ""


STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_false", "ddp_find_unused_parameters_true")
LIMIT = Rule("a number of batches, or a fraction from 0.0 to 1.0", lambda value: _is_limit(value, zero=True))
POSITIVE_LIMIT = Rule("a number of batches >= 1, or a fraction up to 1.0", lambda value: _is_limit(value, zero=False))
BOOLEAN = Rule("true or false", lambda value: type(value) is bool)
TEXT = Rule("a non-empty text", lambda value: isinstance(value, str) and value != "")
LINE = Rule("one line", lambda value: type(value) is int or (isinstance(value, str) and value.isprintable()))
POSITIVE = _number("> 0", lambda value: value > 0)
NOT_NEGATIVE = _number(">= 0", lambda value: value >= 0)
PROBABILITY = _number(">= 0 and < 1", lambda value: 0 <= value < 1)
FRACTION = _number("from 0 to 1", lambda value: 0 <= value <= 1)

# Absent keys are not checked: not every option has every key.
RULES = {
    "seed": integer(0),
    "select": _one_of("last", "best"),
    "watch": _one_of("val", "test"),
    "objective": _one_of(*OBJECTIVES),
    "target": FRACTION,
    "kernels": _one_of("auto", "torch"),
    "console": _one_of("auto", "bar", "lines", "lecture", "none"),
    "activation.negative_slope": _number("that is finite", math.isfinite),
    "activation.alpha": POSITIVE,
    "pool.kernel_size": Rule(
        "2, for which the networks are sized (1 with pool.stride=2)",
        lambda value: type(value) is int and value in (1, 2),
    ),
    "pool.stride": or_null(
        Rule("2, for which the networks are sized", lambda value: type(value) is int and value == 2)
    ),
    "data.name": TEXT,
    "data.root": Rule(
        "the path of a folder (CNNLAB_DATA_DIR sets it)", lambda value: isinstance(value, str) and value != ""
    ),
    "data.image_shape": Rule(
        "channels, height and width: three integers >= 1",
        lambda value: _is_list_of(int, value) and len(value) == 3 and min(value) >= 1,
    ),
    "data.num_classes": integer(2),
    "data.classes": Rule(
        "a list of different names", lambda value: _is_list_of(str, value) and len(value) == len(set(value))
    ),
    "data.files.sha256": Rule(
        "file names with their SHA-256", lambda value: isinstance(value, DictConfig | dict) and len(value) > 0
    ),
    "data.num_train": integer(2),
    "data.num_test": integer(1),
    "data.mean": _number("from 0 to 1", lambda value: 0 <= value <= 1),
    "data.std": POSITIVE,
    "data.batch_size": integer(1),
    "data.eval_batch_size": integer(1),
    "data.split_seed": integer(0),
    "data.pixel_order_seed": or_null(integer(0)),
    "model.depth": integer(1),
    "model.width": integer(1),
    "model.channels": Rule(
        "a list of integers >= 1",
        lambda value: _is_list_of(int, value) and len(value) > 0 and min(value) >= 1,
    ),
    "model.stem": or_null(integer(1)),
    "model.dropout": PROBABILITY,
    "model.channel_dropout": PROBABILITY,
    "model.batch_norm": BOOLEAN,
    "model.num_members": integer(1),
    "model.compile": BOOLEAN,
    "model.channels_last": or_null(BOOLEAN),
    "augmentation.degrees": _number("from 0 to 180", lambda value: 0 <= value <= 180),
    "augmentation.shift_px": NOT_NEGATIVE,
    "augmentation.scale": PROBABILITY,
    "augmentation.shear_degrees": _number("from 0 to 60", lambda value: 0 <= value <= 60),
    "loss.label_smoothing": PROBABILITY,
    "loss.reduction": _one_of("mean"),
    "optimizer.lr": POSITIVE,
    "optimizer.weight_decay": NOT_NEGATIVE,
    "optimizer.momentum": PROBABILITY,
    "scheduler.warmup": PROBABILITY,
    "scheduler.final_factor": FRACTION,
    "scheduler.initial_factor": _number("> 0 and <= 1", lambda value: 0 < value <= 1),
    "scheduler.factor": POSITIVE,
    "scheduler.milestones": Rule(
        "ascending fractions, such as [0.5,0.75]",
        lambda value: (
            _is_list_of((int, float), value) and list(value) == sorted(value) and all(0 < v < 1 for v in value)
        ),
    ),
    "sweep.name": or_null(Rule("a name, of one folder", _is_name)),
    "sweep.resume": BOOLEAN,
    "sweep.dry_run": BOOLEAN,
    "sweep.fail_fast": BOOLEAN,
    "sweep.fail_on_divergence": BOOLEAN,
    "sweep.tune": _one_of(False, "lr", "random"),
    "sweep.report": BOOLEAN,
    "tuning.num_trials": integer(1),
    "tuning.seeds": Rule(
        f"a list of different seeds from {FIRST_TUNING_SEED} on, which no result is reported on",
        lambda value: _is_list_of(int, value) and 0 < len(value) == len(set(value)) and min(value) >= FIRST_TUNING_SEED,
    ),
    "tuning.space": or_null(
        Rule(
            "names and their values, such as {optimizer.lr: 'tag(log,interval(1e-4,1e-1))'}",
            lambda value: isinstance(value, DictConfig | dict) and len(value) > 0,
        )
    ),
    "tuning.record": or_null(
        Rule("the path of a sweep's tuning.json", lambda value: isinstance(value, str) and value != "")
    ),
    "report.language": _one_of("en", "ko"),
    "report.margin": or_null(_number("of points above 0 and below 100, such as 0.1", lambda value: 0 < value < 100)),
    "report.baseline": or_null(
        Rule("the name of a configuration, such as momentum", lambda value: LINE.holds(value) and value != "")
    ),
    "report.targets": Rule(
        "a list of different numbers above 0 and up to 1, such as [0.97,0.99]",
        lambda value: (
            _is_list_of((int, float), value)
            and len(value) == len(set(value))
            and all(type(each) is not bool and 0 < each <= 1 for each in value)
        ),
    ),
    "report.mix_versions": BOOLEAN,
    "averaging.decay": PROBABILITY,
    "averaging.every_n_steps": integer(1),
    "callbacks.pictures.num_mistakes": integer(1),
    "callbacks.diagnostics.every_n_steps": integer(0),
    "callbacks.diagnostics.picture": BOOLEAN,
    "callbacks.snapshots.every_n_epochs": integer(1),
    "trainer.max_epochs": integer(1),
    "trainer.fast": BOOLEAN,
    "trainer.cuda_graph": BOOLEAN,
    "trainer.log_every_n_steps": integer(1),
    "trainer.accumulate_grad_batches": integer(1),
    "trainer.deterministic": _one_of(True, False, "warn"),
    "trainer.gradient_clip_val": or_null(POSITIVE),
    "trainer.limit_train_batches": POSITIVE_LIMIT,
    "trainer.limit_val_batches": LIMIT,
    "trainer.limit_test_batches": LIMIT,
    "trainer.overfit_batches": LIMIT,
    "trainer.accelerator": _one_of("auto", "cpu", "cuda", "gpu", "mps"),
    # other strategies write other checkpoints, or train in child processes that keep their results
    "trainer.strategy": Rule(
        "auto or ddp or ddp_find_unused_parameters_false or ddp_find_unused_parameters_true, or a DDPStrategy with "
        "its arguments",
        lambda value: value in STRATEGIES or _target(value).endswith(".DDPStrategy"),
    ),
    "trainer.profiler": Rule(
        "null or simple or advanced or pytorch, or a profiler with its arguments",
        lambda value: value in (None, "simple", "advanced", "pytorch") or _target(value) != "",
    ),
    "trainer.fast_dev_run": Rule(
        "true or false, or a number of batches", lambda value: type(value) in (bool, int) and value >= 0
    ),
    "trainer.num_sanity_val_steps": integer(-1),
    "trainer.min_epochs": or_null(integer(0)),
    "trainer.min_steps": or_null(integer(0)),
    "trainer.benchmark": or_null(BOOLEAN),
    "trainer.detect_anomaly": BOOLEAN,
    "trainer.inference_mode": BOOLEAN,
    "trainer.sync_batchnorm": BOOLEAN,
    "trainer.enable_model_summary": BOOLEAN,
    # a run has whole epochs, each evaluated at its end: metrics.csv and the schedules rely on it
    "trainer.max_steps": _one_of(-1),
    "trainer.max_time": _one_of(None),
    "trainer.val_check_interval": _one_of(None, 1.0),
    "trainer.check_val_every_n_epoch": _one_of(1),
    "trainer.num_nodes": _one_of(1),
    "hydra.output_subdir": _one_of(None, ".hydra"),  # the run folder's files are known by their places
    "hydra.launcher.n_jobs": or_null(integer(1)),
    "hydra.launcher.jobs_per_gpu": or_null(integer(1)),
    "hydra.launcher.threads_per_job": integer(1),
    "hydra.launcher.timeout_s": or_null(POSITIVE),
    "hydra.launcher.array_parallelism": integer(1),
    "hydra.launcher.cpus_per_task": integer(1),
    "hydra.launcher.timeout_min": integer(1),
    "hydra.launcher.max_num_timeout": integer(0),
    "hydra.launcher.poll_s": POSITIVE,
    **{f"hydra.launcher.{key}": or_null(LINE) for key in ("account", "constraint", "name", "partition", "qos")},
    "hydra.sweeper.n_trials": integer(1),
    "hydra.sweeper.storage": or_null(
        Rule("a database URL, such as sqlite:///study.db", lambda value: isinstance(value, str) and "://" in value)
    ),
    "hydra.sweeper.study_name": Rule("a name", lambda value: type(value) is int or TEXT.holds(value)),
}
