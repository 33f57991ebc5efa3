"""A search's result: the best trial as an experiment, and Optuna's figures."""

import io
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf
from optuna.study import Study
from optuna.trial import TrialState
from optuna.visualization.matplotlib import plot_optimization_history, plot_param_importances

from cnnlab.errors import UserError
from cnnlab.experiment.composed import HYDRA_VALUE, job_like, without_hydra
from cnnlab.experiment.identity import flatten
from cnnlab.file_errors import remedy
from cnnlab.files import make_folder, write_atomically
from cnnlab.program import program
from cnnlab.sweep.search.space import Space

NAME = "best_trial"  # of the experiment
EXCLUDED_KEYS = ("callbacks.pruning", "hydra", "sweep")
SIZE_INCHES = (8, 5)
DPI = 120

Compose = Callable[[list[str]], DictConfig]  # overrides to a config with Hydra's part


def conclude(study: Study, space: Space, folder: Path, compose: Compose) -> None:
    """Writes the best trial and the figures, and prints their paths; writes nothing if no trial completed.

    Args:
        study: The search's study.
        space: The search space.
        folder: The sweep's folder.
        compose: A config from overrides.

    Raises:
        UserError: If a file cannot be written.
    """
    completed = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if not completed:
        print("no trial completed, so there is no best trial", flush=True)
        return
    best = study.best_trial
    overrides = list(space.overrides(best.params))
    objective = compose(overrides).objective
    head = f"trial {best.number}, the best of {len(completed)} completed trials: {objective} {best.value:.6g}"
    path = folder / "experiment" / f"{NAME}.yaml"
    print(f"{head}, {' '.join(f'{name}={value}' for name, value in best.params.items())}", flush=True)
    try:
        make_folder(path.parent)
        write_atomically(path, experiment(overrides, compose, head, best.number).encode())
        print(f"  {program()} --config-dir {shlex.quote(str(folder))} experiment={NAME}", flush=True)
        for picture in draw(study, folder, objective):
            print(f"  {picture}", flush=True)
    except OSError as error:
        raise UserError(
            f"the search is done, but {error.filename} cannot be written ({error.strerror}); {remedy(error)}, and "
            "run the same command again"
        ) from None


def experiment(overrides: list[str], compose: Compose, head: str, number: int = 0) -> str:
    """The YAML of an option of the group `experiment`: a run's differences from `python train.py`.

    Args:
        overrides: The run's overrides.
        compose: A config from overrides.
        head: One line on its origin.
        number: The run's position in the search, to which `${hydra:job.num}` refers.
    """
    config, default = job_like(compose(overrides), number), _groups(compose([]))
    found = _groups(config)  # a user's own groups, as +hparams_search=mine, only set values, which are written out
    choices = {group: option for group, option in found.items() if option != default.get(group, option)}
    plain = dict(_leaves(compose([f"{group}={option}" for group, option in choices.items()])))
    computed = dict(flatten(OmegaConf.to_container(without_hydra(config), resolve=False)))
    values = OmegaConf.create({})
    for name, value in _leaves(config):
        if name not in plain or (type(plain[name]), plain[name]) != (type(value), value):  # 1 batch is not 1.0 of all
            OmegaConf.update(values, name, computed[name] if HYDRA_VALUE.search(str(value)) else value)
    content = {"defaults": [{f"override /{group}": option} for group, option in choices.items()]} if choices else {}
    text = "".join(OmegaConf.to_yaml(part) for part in (content, values) if part)
    return f"# @package _global_\n# {head[0].upper()}{head[1:]}.\n{text}"


def _groups(config: DictConfig) -> dict[str, str]:
    choices = {str(group): option for group, option in config.hydra.runtime.choices.items()}
    return {
        group: str(option)
        for group, option in choices.items()
        if option is not None and not group.startswith("hydra") and group not in ("experiment", "sweep")
    }


def _leaves(config: DictConfig) -> Iterator[tuple[str, Any]]:
    for name, value in flatten(OmegaConf.to_container(config, resolve=False)):
        if not any(name == key or name.startswith(f"{key}.") for key in EXCLUDED_KEYS):
            yield name, value


def draw(study: Study, folder: Path, objective: str) -> Iterator[Path]:
    """Draws the objective over the trials, and the importance of each parameter.

    Args:
        study: A study with a completed trial.
        folder: Where the figures are written.
        objective: The name of the objective.

    Yields:
        The files, once each is written.
    """
    completed = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    values = {trial.value for trial in completed}
    yield _save(plot_optimization_history(study, target_name=objective), folder / "history.png")
    if len(values) > 1 and len(completed[0].params) > 1:  # else there are no importances
        yield _save(plot_param_importances(study, target_name=objective), folder / "importances.png")


def _save(axes: Axes, path: Path) -> Path:
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.set_size_inches(*SIZE_INCHES)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, bbox_inches="tight")
    plt.close(figure)
    write_atomically(path, content.getvalue())
    return path
