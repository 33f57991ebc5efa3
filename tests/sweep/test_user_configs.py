"""A sweep over a user's own config files, with values that depend on the job, in real processes."""

import signal
from pathlib import Path

import pytest

from tests.experiment.configs import write
from tests.sweep.sweeps import finish, gate, results, start, sweep, wait_for

MINE = """
defaults:
- override /optimizer: adam
optimizer: {lr: 0.0123}
trainer: {limit_train_batches: 4, gradient_clip_val: "${augmentation.scale}"}
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
