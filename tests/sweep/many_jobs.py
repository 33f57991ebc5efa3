"""python -m tests.sweep.many_jobs FOLDER N: N trivial jobs; prints its memory at the end of each, in bytes."""

import json
import resource
import sys
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cnnlab.sweep import Job, Settings, Sweep, Task
from cnnlab.sweep.engines.local import LocalEngine
from cnnlab.sweep.engines.process import Server, Share

CONF = Path(__file__).parents[2] / "conf"
TRIVIAL = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
(folder / "result.json").write_text('{"status": "completed", "error": null}')
"""


def memory_bytes() -> int:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main(folder: Path, num_jobs: int) -> None:
    """Runs them."""
    program = folder / "trivial.py"
    program.write_text(TRIVIAL)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", ["data=mnist_5k"])
    data = OmegaConf.masked_copy(config, ["data", "augmentation", "seed", "watch"])
    OmegaConf.resolve(data)
    jobs = [Job(str(number), (), folder / str(number)) for number in range(num_jobs)]
    tasks = [Task(job, program, (str(job.folder),), folder / "logs" / f"{job.name}.log") for job in jobs]
    memory: list[int] = []
    sweep = Sweep(folder, num_jobs, 0, Settings(), lambda outcome: memory.append(memory_bytes()))
    sweep.run(LocalEngine(Server(1, OmegaConf.to_yaml(data)), [Share(), Share()]), tasks)
    print(json.dumps(memory))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
