from pathlib import Path

import torch

from cnnlab.config import numeric_params
from cnnlab.training import run
from tests.conftest import SMALL


def test_a_checkpoint_says_which_experiment_it_belongs_to(compose_run, tmp_path: Path):
    overrides = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=2", "callbacks=light", "logger=none")
    run(compose_run(*overrides))
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["callbacks"]["Provenance"]["numeric"] == numeric_params(compose_run(*overrides))
