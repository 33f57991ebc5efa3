"""The axes of an experiment: the config groups from which it chooses."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

AXES = (
    *("data", "augmentation", "model", "activation", "init", "pool", "loss"),
    *("optimizer", "scheduler", "averaging"),
)
MODEL_AXES = {"activation": "relu", "pool": "max"}  # only of models that name them; the defaults in conf/train.yaml


def uses_axis(config: DictConfig, axis: str) -> bool:
    """Whether a config uses this axis; a model may lack some."""
    if axis not in MODEL_AXES:
        return True
    model = OmegaConf.to_container(config.model, resolve=False)
    assert isinstance(model, dict)
    return f"${{{axis}}}" in model.values()


def axis_choices(config: DictConfig, option_names: dict[str, Any]) -> dict[str, str]:
    """The option of each axis, `"none"` if the model does not use the axis.

    Args:
        config: A composed config.
        option_names: Hydra's `runtime.choices`.
    """
    return {axis: str(option_names[axis]) if uses_axis(config, axis) else "none" for axis in AXES}
