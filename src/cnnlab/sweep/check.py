"""Refuses a sweep with a job that cannot be run as it reads, before anything is written."""

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from cnnlab.experiment.check import check
from cnnlab.experiment.identity import without_hydra


def check_job(loader: ConfigLoader, config: DictConfig, overrides: list[str]) -> None:
    """Refuses a job of a sweep that cannot be run as it reads.

    Args:
        loader: Hydra's.
        config: The sweep's composed config, with Hydra's part.
        overrides: The job's.

    Raises:
        UserError: As for `check`.
    """
    _check_composed(loader.load_sweep_config(config, overrides), overrides)


def check_jobs(loader: ConfigLoader, config: DictConfig, jobs: list[list[str]]) -> None:
    """Refuses a sweep with a value that cannot be run as it reads: each is looked at once, and not each combination.

    A config is composed for each new option of a group, which takes a sixth of a second, and not for a new value.

    Args:
        loader: Hydra's.
        config: The sweep's composed config, with Hydra's part.
        jobs: Overrides of each.

    Raises:
        UserError: As for `check`.
    """
    parser = OverridesParser.create()
    seen: set[str] = set()
    composed: DictConfig | None = None
    for job in jobs:
        new = [text for text in job if text not in seen]
        seen.update(new)
        if composed is None or not all(_is_value(loader, text) for text in new):
            composed = loader.load_sweep_config(config, job)
        else:
            for override in parser.parse_overrides(new):
                OmegaConf.update(composed, override.key_or_group, override.value(), merge=True)
        if new:
            _check_composed(composed, job)


def _is_value(loader: ConfigLoader, override: str) -> bool:
    """Whether it sets a value that there is, and is not one of those that choose an option, add or remove."""
    key = override.partition("=")[0]
    return key[0] not in "+~" and not loader.get_group_options(key.partition("@")[0])


def _check_composed(job: DictConfig, overrides: list[str]) -> None:
    choices = OmegaConf.to_container(job.hydra.runtime.choices)
    assert isinstance(choices, dict)
    check(without_hydra(job), {str(group): option for group, option in choices.items()}, overrides)
