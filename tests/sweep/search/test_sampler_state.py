import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import CmaEsSampler

from cnnlab.errors import UserError
from cnnlab.sweep.search.sampler_state import check_sampler_state


class Exploit:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def searched(**options: bool) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = CmaEsSampler(seed=1, n_startup_trials=1, warn_independent_sampling=False, **options)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=8)
    return study


@pytest.mark.parametrize("options", [{}, {"use_separable_cma": True}, {"with_margin": True}])
def test_what_optuna_itself_leaves_is_accepted(options: dict[str, bool]):
    trials = searched(**options).get_trials(deepcopy=False)
    assert any("optimizer" in name for trial in trials for name in trial.system_attrs)
    check_sampler_state(trials)


def test_a_strangers_journal_is_not_unpickled(tmp_path: Path):
    study = searched()
    evil = pickle.dumps(Exploit(tmp_path / "mark")).hex()
    trial = optuna.trial.create_trial(
        value=0.0,
        params={"x": 0.5, "y": 0.5},
        distributions=study.trials[0].distributions,
        system_attrs={"cma:optimizer:0": evil, "cma:generation": 0},
    )
    study.add_trial(trial)
    with pytest.raises(UserError, match=r"something other than a sampler's state \(posix\.mkdir\)"):
        check_sampler_state(study.trials)
    assert not (tmp_path / "mark").exists()
    study.ask({name: trial.distributions[name] for name in "xy"})
    assert (tmp_path / "mark").exists(), "Optuna would have run it"


@pytest.mark.parametrize("attributes", [{"cma:optimizer:1": "00"}, {"cma:optimizer:0": "no"}, {"cma:optimizer": "x"}])
def test_a_damaged_state_is_refused(attributes: dict[str, str]):
    with pytest.raises(UserError, match="choose another sweep"):
        check_sampler_state([optuna.trial.create_trial(value=0.0, system_attrs=attributes)])
