from pathlib import Path

import pytest
import torch

from cnnlab.errors import UserError
from cnnlab.training.checkpoint import AtomicCheckpointIO, load_checkpoint


def test_what_is_saved_is_loaded(tmp_path: Path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(3), "epoch": 2}, path)
    loaded = AtomicCheckpointIO().load_checkpoint(path)
    assert loaded["epoch"] == 2
    assert loaded["weights"].tolist() == [0, 1, 2]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["bit", "tail"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(1000)}, path)
    content = bytearray(path.read_bytes())
    if damage == "bit":
        content[len(content) // 2] ^= 1  # among the zeros
        path.write_bytes(content)
        assert torch.load(path, weights_only=True)["weights"].sum() != 0, "torch itself does not notice"
    else:
        path.write_bytes(content[:-100])
    with pytest.raises(UserError, match=r"last\.ckpt is damaged"):
        load_checkpoint(path)


def test_more_than_tensors_and_plain_values_is_not_loaded(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"callable": pytest.approx}, path)
    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        load_checkpoint(path)
