"""Rejects a sweep with an invalid job, before anything is written."""

from collections import Counter

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString, Sweep
from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.check import check
from cnnlab.experiment.composed import job_like, without_hydra


def check_job(loader: ConfigLoader, config: DictConfig, overrides: list[str]) -> None:
    """Rejects an invalid job of a sweep.

    Args:
        loader: Hydra's.
        config: The sweep's composed config, with Hydra's part.
        overrides: The job's.

    Raises:
        UserError: As for `check`.
    """
    _check_composed(job_like(loader.load_sweep_config(config, overrides)), overrides)


def check_jobs(loader: ConfigLoader, config: DictConfig, jobs: list[list[str]]) -> None:
    """Rejects a sweep with an invalid value; each value is checked once, not each combination.

    A config is composed only for a new option of a group, since composing takes a sixth of a second.

    Args:
        loader: Hydra's.
        config: The sweep's composed config, with Hydra's part.
        jobs: The overrides of each job.

    Raises:
        UserError: As for `check`.
    """
    parser = OverridesParser.create()
    seen: set[str] = set()
    composed: DictConfig | None = None
    for number, job in enumerate(jobs):
        new = [text for text in job if text not in seen]
        seen.update(new)
        if composed is None or not all(_is_value(loader, text) for text in new):
            composed = loader.load_sweep_config(config, job)
        else:
            for override in parser.parse_overrides(new):
                OmegaConf.update(composed, override.key_or_group, override.value(), merge=True)
        if new:
            _check_composed(job_like(composed, number), job)


def check_choices(override: Override) -> None:
    """Rejects swept values of which two are the same, which would be the same run, or one is a range.

    Raises:
        UserError: With the value.
    """
    choices = override.value()
    if not isinstance(choices, ChoiceSweep):
        return
    typed = override.input_line
    if any(isinstance(item, Sweep) for item in choices.list):
        raise UserError(f"{typed} mixes a range with other values; give a range alone, or write all values out")
    counts = Counter(repr(item.text if isinstance(item, QuotedString) else item) for item in choices.list)
    if repeated := next((value.strip("'") for value, count in counts.items() if count > 1), None):
        raise UserError(f"{typed} repeats {repeated}, which would be the same run; give each value once")


def check_validation(config: DictConfig, what: str, or_else: str = "") -> None:
    """Rejects a config without validation data, by which trials are compared.

    Args:
        config: A trial's.
        what: Compares them, as typed.
        or_else: Another way out: the end of a sentence.

    Raises:
        UserError: If there is none.
    """
    if config.watch != "val" or config.data.num_val == 0 or config.trainer.limit_val_batches == 0:
        raise UserError(
            f"{what} compares trials by {config.objective}, which needs validation; use watch=val, "
            f"data.num_val=5000 and trainer.limit_val_batches=1.0{or_else}"
        )


def _is_value(loader: ConfigLoader, override: str) -> bool:
    """Whether it sets an existing value, rather than choosing an option, adding or removing a key."""
    key = override.partition("=")[0]
    return key[0] not in "+~" and not loader.get_group_options(key.partition("@")[0])


def _check_composed(job: DictConfig, overrides: list[str]) -> None:
    choices = OmegaConf.to_container(job.hydra.runtime.choices)
    assert isinstance(choices, dict)
    check(without_hydra(job), {str(group): option for group, option in choices.items()}, overrides)
