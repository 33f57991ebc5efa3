"""The same code on a GPU."""

import json
from pathlib import Path

import pytest
import torch

from cnnlab.training import run

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_same_seed_gives_the_same_bits_on_a_gpu(compose_run, tmp_path: Path, precision: str):
    hashes = []
    for name in ("first", "second"):
        run(
            compose_run(
                "data=mnist_5k", "trainer=gpu", f"trainer.precision={precision}", "trainer.max_epochs=2", "console=none"
            )
        )
        result = json.loads((tmp_path / "run" / "result.json").read_text())
        assert result["device"] == "cuda:0"
        hashes.append(result["weights_sha256"])
        (tmp_path / "run").rename(tmp_path / name)
    assert hashes[0] == hashes[1]
