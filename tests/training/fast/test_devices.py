import os
from pathlib import Path

import pytest
import torch

from cnnlab.training.build import build_classifier, build_data, build_trainer
from cnnlab.training.fast.devices import cache_gpu_check
from tests.conftest import SMALL

QUESTION = "PYTORCH_NVML_BASED_CUDA_CHECK"


@pytest.mark.parametrize("has_gpu", [False, True])
def test_lightnings_way_of_asking_stays_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch, has_gpu: bool):
    monkeypatch.setenv(QUESTION, "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    cache_gpu_check()
    assert (QUESTION in os.environ) == has_gpu


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_fit_asks_once(compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(QUESTION, "1")
    config = compose_run(*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    build_trainer(config, tmp_path, [], None).fit(build_classifier(config), datamodule=build_data(config))
    assert QUESTION not in os.environ
