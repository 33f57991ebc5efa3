"""The axes of an experiment: the config groups that it is a choice of."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

AXES = (
    *("data", "augmentation", "model", "activation", "init", "pool", "loss"),
    *("optimizer", "scheduler", "averaging"),
)
MODEL_AXES = {"activation": "relu", "pool": "max"}  # a model names those that it uses; their options in conf/train.yaml


def uses_axis(config: DictConfig, axis: str) -> bool:
    """Whether the model of a config has a part from this axis."""
    if axis not in MODEL_AXES:
        return True
    model = OmegaConf.to_container(config.model, resolve=False)
    assert isinstance(model, dict)
    return f"${{{axis}}}" in model.values()


def axis_choices(config: DictConfig, option_names: dict[str, Any]) -> dict[str, str]:
    """The option of each axis, `"none"` where the model does not use the axis.

    Args:
        config: A composed config.
        option_names: Hydra's `runtime.choices`.
    """
    return {axis: str(option_names[axis]) if uses_axis(config, axis) else "none" for axis in AXES}
