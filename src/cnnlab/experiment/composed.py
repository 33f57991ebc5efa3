"""A composed config as its run sees it: without Hydra's part, once `${hydra:…}` and other resolvers are computed."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write

RESOLVER = re.compile(r"\$\{\s*[\w.]+\s*:")  # ${now:%H}, ${hydra:job.num}, ${oc.env:HOME}; not ${optimizer.lr}
HYDRA_VALUE = re.compile(r"\$\{\s*hydra\s*:\s*([^{}\s]+)\s*\}")


@contextmanager
def hydra_values(config: DictConfig) -> Iterator[None]:
    """Lets `${hydra:…}` refer to a config's own Hydra part, as in its run, rather than to this process's.

    Args:
        config: A composed config with Hydra's part.
    """
    kind = OmegaConf.get_type(config, "hydra")
    if kind is None or not issubclass(kind, HydraConf):  # composed by hand
        yield
        return
    current = HydraConfig.instance()
    before, is_readonly = current.cfg, OmegaConf.is_readonly(config.hydra)
    current.set_config(config)
    OmegaConf.set_readonly(config.hydra, is_readonly)
    try:
        yield
    finally:
        current.cfg = before


def texts(overrides: Iterable[str]) -> list[str]:
    """Overrides as they were typed: a `${…}` in them is not resolved, which reading a `ListConfig` would do.

    Args:
        overrides: Such as Hydra's `hydra.overrides.task`.
    """
    if isinstance(overrides, ListConfig):
        typed = OmegaConf.to_container(overrides, resolve=False)
        assert isinstance(typed, list)
        return [str(text) for text in typed]
    return [str(text) for text in overrides]


def job_like(config: DictConfig, number: int = 0) -> DictConfig:
    """A copy of a sweep's config, or of a job's, with the values that Hydra sets when it runs the job.

    Args:
        config: A composed config with Hydra's part.
        number: The job's position in the sweep.
    """
    job = config.copy()
    with read_write(job.hydra):
        job.hydra.job.num, job.hydra.job.id = number, str(number)
    return job


def without_hydra(config: DictConfig) -> DictConfig:
    """A composed config without Hydra's part, as its run sees it: what a resolver computes is computed.

    References to other keys, such as `${activation}`, stay.
    """
    if "hydra" not in config:
        return config
    run = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    with hydra_values(config):
        _replace(run, config, lambda text, node, key: node[key] if RESOLVER.search(text) else text)
    OmegaConf.copy_cache(config, run)  # of ${now:…}
    return run


def with_recorded_hydra(config: DictConfig, hydra: DictConfig) -> DictConfig:
    """A recorded config whose `${hydra:…}` have the values of its own run.

    Args:
        config: `.hydra/config.yaml`.
        hydra: The part `hydra` of `.hydra/hydra.yaml`.
    """
    whole = config.copy()
    whole.hydra = OmegaConf.structured(HydraConf)  # the type that HydraConfig expects
    with open_dict(whole.hydra):
        whole.hydra.merge_with(hydra)

    def compute(text: str, node: Any, key: Any) -> Any:
        if HYDRA_VALUE.fullmatch(text):
            return node[key]
        return HYDRA_VALUE.sub(lambda value: str(OmegaConf.select(whole.hydra, value[1])), text)  # beside ${now:…}

    run = config.copy()
    with hydra_values(whole):
        _replace(run, whole, compute)
    return run


def refers_to_hydra(config: DictConfig) -> bool:
    """Whether a value has `${hydra:…}`."""
    return HYDRA_VALUE.search(OmegaConf.to_yaml(config)) is not None


def _replace(target: Any, source: Any, compute: Callable[[str, Any, Any], Any]) -> None:
    """Replaces the texts of a config by what is computed from each, the same place in another config, and its key."""
    unresolved = OmegaConf.to_container(target, resolve=False)
    items = unresolved.items() if isinstance(unresolved, dict) else enumerate(unresolved or [])
    for key, value in items:
        if isinstance(value, str) and "${" in value:
            computed = compute(value, source, key)
            if computed is not value:
                target[key] = computed
        elif isinstance(value, dict | list) and value:
            _replace(target[key], source[key], compute)
