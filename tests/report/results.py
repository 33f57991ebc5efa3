"""Hand-made results of runs, for tests of what reads them."""

import json
from pathlib import Path
from typing import Any


def result(
    optimizer: str,
    seed: int,
    accuracy: float | None,
    status: str = "completed",
    lr: float = 0.1,
    *,
    typed: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """The content of a result.json.

    Args:
        optimizer: The option.
        seed: The run's.
        accuracy: Of the test; the validation's is 0.01 lower.
        status: What became of it.
        lr: The learning rate.
        typed: Whether the learning rate was typed, and is not the option's own.
        changes: Other keys.
    """
    overrides = [f"optimizer={optimizer}", f"seed={seed}", *([f"optimizer.lr={lr}"] if typed else [])]
    return {
        "status": status,
        "choices": {"optimizer": optimizer, "pool": "max"},
        "overrides": overrides,
        "params": {"seed": seed, "optimizer.lr": lr, "pool.kernel_size": 2},
        "metrics": {"test/acc": accuracy, "val/acc": None if accuracy is None else accuracy - 0.01},
        "seconds": {"fit": 10.0 + seed},
        "epochs": 2,
        "data": {},
        **changes,
    }


def write(folder: Path, content: Any) -> Path:
    """Writes a result.json: bytes, a text, or an object as JSON; returns the folder."""
    folder.mkdir(parents=True)
    text = content if isinstance(content, bytes | str) else json.dumps(content)
    (folder / "result.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder
