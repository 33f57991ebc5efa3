from omegaconf import DictConfig, OmegaConf

from cnnlab.experiment.axes import AXES, MODEL_AXES, axis_choices
from tests.conftest import REPOSITORY


def test_the_choice_of_an_axis_without_effect_is_none(compose_run):
    names = {axis: f"{axis}_option" for axis in AXES}
    assert axis_choices(compose_run(), names) == names
    mlp = axis_choices(compose_run("model=mlp"), names)
    assert (mlp["activation"], mlp["pool"]) == ("activation_option", "none")
    softmax = axis_choices(compose_run("model=softmax_regression"), names)
    assert (softmax["activation"], softmax["pool"], softmax["init"]) == ("none", "none", "init_option")


def test_the_axes_have_the_defaults_of_the_map():
    train = OmegaConf.load(REPOSITORY / "conf" / "train.yaml")
    defaults = {
        name: option for entry in train.defaults if isinstance(entry, DictConfig) for name, option in entry.items()
    }
    assert {axis: defaults[axis] for axis in MODEL_AXES} == MODEL_AXES
