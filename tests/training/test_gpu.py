"""The same code on a GPU."""

import json
from pathlib import Path

import pytest
import torch

from cnnlab.run.execution import run

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.mark.parametrize(
    "overrides",
    [
        ("trainer.precision=32-true",),
        ("trainer.precision=bf16-mixed",),
        ("model.compile=true",),
        ("augmentation=affine", "averaging=ema", "model=compact"),
    ],
    ids=lambda overrides: overrides[0],
)
def test_the_same_seed_gives_the_same_bits_on_a_gpu(compose_run, tmp_path: Path, overrides: tuple[str, ...]):
    hashes = []
    for name in ("first", "second"):
        run(compose_run("data=mnist_5k", "trainer=gpu", "trainer.max_epochs=2", "console=none", *overrides))
        result = json.loads((tmp_path / "run" / "result.json").read_text())
        assert result["device"] == "cuda:0"
        hashes.append(result["weights_sha256"])
        (tmp_path / "run").rename(tmp_path / name)
    assert hashes[0] == hashes[1]


def test_batches_are_cut_and_augmented_on_the_device():
    from cnnlab.data import EpochShuffle, RandomAffine, ShuffledBatches

    images, labels = torch.randn(256, 1, 28, 28, device="cuda"), torch.arange(256, device="cuda")
    batches = ShuffledBatches(
        images, labels, 64, EpochShuffle(0, 256), augmentation=RandomAffine(10, 2, 0.1, 10), background=-0.4
    )
    iterator = iter(batches)
    next(iterator)  # the epoch's order goes to the device with its first batch
    torch.cuda.set_sync_debug_mode("error")  # a copy between host and device would have to wait
    try:
        assert all(batch.device.type == "cuda" for batch in next(iterator))
    finally:
        torch.cuda.set_sync_debug_mode("default")
