"""A sweep over a user's own config files, with values that depend on the job, in real processes."""

import json
import signal
from pathlib import Path

import pytest

from tests import processes
from tests.experiment.configs import write
from tests.sweep.sweeps import finish, gate, results, start, sweep, wait_for

MINE = """
defaults:
- override /optimizer: adam
optimizer: {lr: 0.0123}
trainer: {limit_train_batches: 4, gradient_clip_val: "${augmentation.scale}"}
"""

SEARCH = """
defaults:
- override /hydra/sweeper: optuna
- override /optimizer: adam
hydra: {sweeper: {n_trials: 2, params: {optimizer.lr: "interval(0.001,0.01)"}}}
"""


@pytest.mark.slow
def test_it_resumes_with_the_values_of_each_job(tmp_path: Path):
    folder, configs = tmp_path / "sweep", tmp_path / "configs"
    write(configs, "experiment/mine", MINE)
    typed = ("experiment=mine", "augmentation=affine", "optimizer=adam,sgd", "seed=${hydra:job.num}", gate(folder))
    arguments = (*typed, "--config-dir", str(configs))
    process = start(folder, *arguments)
    wait_for(process, folder, "*/metrics.csv")
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    (folder / "open").touch()
    code, text = sweep(folder, *arguments)
    assert code == 0, text
    assert "to resume" in text
    keys = ("optimizer.lr", "seed", "trainer.gradient_clip_val")
    found = {name: (result["status"], *map(result["params"].get, keys)) for name, result in results(folder).items()}
    assert found == {"optimizer=adam": ("completed", 0.0123, 0, 0.1), "optimizer=sgd": ("completed", 0.05, 1, 0.1)}
    code, text = sweep(folder, *arguments)
    assert "(2 done)" in text


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["+hparams_search=mine", "sweep=mine"])
def test_a_users_file_chooses_a_search_and_its_best_trial_runs_again(tmp_path: Path, chosen: str):
    folder, configs = tmp_path / "sweep", tmp_path / "configs"
    write(configs, chosen.lstrip("+").replace("=", "/"), SEARCH)
    short = ("trainer.max_epochs=1", "trainer.limit_train_batches=4")
    code, text = sweep(folder, chosen, *short, "--config-dir", str(configs))
    assert code == 0, text
    found = results(folder).values()
    assert [result["params"]["optimizer._target_"] for result in found] == ["torch.optim.Adam"] * 2
    again = ("--config-dir", str(folder), "experiment=best_trial", f"hydra.run.dir={tmp_path / 'run'}")
    code, text = processes.start(tmp_path / "output", *again).wait()
    assert code == 0, text
    again_found = json.loads((tmp_path / "run" / "result.json").read_text())
    assert again_found["weights_sha256"] in [result["weights_sha256"] for result in found]
