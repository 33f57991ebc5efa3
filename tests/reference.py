"""python tests/reference.py FILE: trains varied runs and compares their bits with FILE, or writes FILE if new.

Run it before and after a refactoring, which must not change a number. It uses only the command line, so it works with
any version. It takes about a minute: ten single runs, a killed and resumed one, a sweep of eight, a search of five.
"""

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
SHORT = (
    *("trainer=cpu", "console=none", "callbacks=light", "trainer.max_epochs=2"),
    *("trainer.limit_train_batches=60", "trainer.limit_val_batches=2", "trainer.limit_test_batches=4"),
)
RUNS = {
    "momentum": ("callbacks=default",),
    "adam": ("optimizer=adam", "scheduler=cosine", "activation=gelu", "init=he_normal", "seed=3"),
    "augmented": (
        *("model=cnn", "model.depth=4", "model.width=8", "optimizer=muon", "scheduler=onecycle"),
        *("augmentation=affine", "averaging=ema", "averaging.every_n_steps=2", "data.num_val=0"),
    ),
    "mlp": ("model=mlp", "optimizer=schedule_free", "activation=sigmoid", "init=xavier_normal", "callbacks=full"),
    "softmax": ("model=softmax_regression", "optimizer=lion", "loss=mse", "logger=none"),
    "best": ("model=compact", "optimizer=adamw", "select=best", "trainer.max_epochs=4", "optimizer.lr=0.02"),
    "lecture": ("experiment=lecture", "console=lecture"),
    "committee": ("model.num_members=2", "trainer.gradient_clip_val=0.5", "trainer.accumulate_grad_batches=2"),
    "speedrun": ("experiment=speedrun", "trainer.limit_train_batches=100"),
    "packaged": ("data=mnist_5k", "augmentation=shift", "pool=avg", "optimizer=nadam", "trainer.precision=bf16-mixed"),
}
SWEEP = ("-m", "optimizer=sgd,adagrad", "activation=relu,tanh", "seed=0,1")
SEARCH = (
    *("-m", "hydra/sweeper=optuna", "hydra/sweeper/sampler=random", "hydra/sweeper/pruner=median"),
    *("hydra.sweeper.n_trials=5", "hydra.launcher.n_jobs=1", "optimizer=sgd,adam"),
    "optimizer.lr=tag(log,interval(1e-4,1e-1))",
)


def main() -> None:
    """Runs, then compares or writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="JSON: what the runs ended in")
    file = parser.parse_args().file
    with tempfile.TemporaryDirectory() as folder:
        found = run_all(Path(folder))
    if not file.exists():
        file.write_text(json.dumps(found, indent=1) + "\n")
        print(f"written: {file}, {len(found)} runs")
        return
    before = json.loads(file.read_text())
    changed = [name for name in sorted({*before, *found}) if before.get(name) != found.get(name)]
    print("\n".join(f"{name}: {before.get(name)}\n  now {found.get(name)}" for name in changed))
    print(f"{len(found) - len(changed)} of {len(before)} runs have the same weights and metrics.csv")
    sys.exit(bool(changed))


def run_all(root: Path) -> dict[str, Any]:
    """Every run's outcome, by its name; a sweep's jobs are named by their folders."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        pool.submit(killed_and_resumed, root / "killed")
        list(pool.map(lambda name: train(root / name, *RUNS[name]), RUNS))
    for name, arguments in (("sweep", SWEEP), ("search", SEARCH)):
        command(*arguments, *SHORT, f"hydra.sweep.dir={root / name}").wait()
    folders = [root / name for name in (*RUNS, "killed")]
    folders += sorted(path.parent for name in ("sweep", "search") for path in root.glob(f"{name}/*/result.json"))
    return {str(folder.relative_to(root)): outcome(folder) for folder in folders}


def command(*arguments: str) -> subprocess.Popen[bytes]:
    """A started train.py, of one thread."""
    return subprocess.Popen(
        [sys.executable, "train.py", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )


def train(folder: Path, *arguments: str) -> None:
    """One run, to its end."""
    command(*SHORT, *arguments, f"hydra.run.dir={folder}").wait()


def killed_and_resumed(folder: Path) -> None:
    """A run that is killed after its first epoch, and resumed."""
    process = command(*SHORT, "optimizer=adam", "trainer.max_epochs=40", f"hydra.run.dir={folder}")
    while not (folder / "checkpoints" / "last.ckpt").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    command(f"resume={folder}").wait()


def outcome(folder: Path) -> dict[str, Any]:
    """What must not change: the weights, and all of metrics.csv but the seconds."""
    result = json.loads((folder / "result.json").read_text())
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    return {"status": result["status"], "weights_sha256": result["weights_sha256"], "metrics": rows}


if __name__ == "__main__":
    main()
