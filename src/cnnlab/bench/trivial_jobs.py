"""python -m cnnlab.bench.trivial_jobs FOLDER NUM AT_A_TIME: measures a sweep's own overhead with trivial jobs.

Prints, as JSON, the seconds of a job and the parent's memory, in bytes, at the end of each.
"""

import json
import resource
import sys
import time
from contextlib import closing
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cnnlab.experiment.composed import without_hydra
from cnnlab.sweep import Job, Settings, Sweep, Task
from cnnlab.sweep.engines.fork_server import Allocation, Server
from cnnlab.sweep.engines.local import LocalEngine
from cnnlab.sweep.known import DigestOfConfig, KnownJobs
from cnnlab.sweep.outcome import Outcome

CONF = Path(__file__).parents[3] / "conf"
TRIVIAL = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
(folder / "result.json").write_text('{"status": "completed", "error": null}')
"""


def memory_bytes() -> int:
    """The resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main(folder: Path, num_jobs: int, at_a_time: int) -> None:
    """Runs the jobs and prints the measurements."""
    program = folder / "trivial.py"
    program.write_text(TRIVIAL)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        whole = compose("train", ["data=mnist_5k"], return_hydra_config=True)
    jobs = [Job.in_sweep(folder, str(number), ()) for number in range(num_jobs)]
    known = KnownJobs(folder / "known.jsonl", DigestOfConfig(whole))
    memory: list[int] = []
    times: list[float] = []

    def on_outcome(outcome: Outcome) -> None:
        known.record(outcome)
        memory.append(memory_bytes())
        times.append(time.monotonic())

    def task(job: Job) -> Task:
        return Task(job, program, (str(job.folder),))

    sweep = Sweep(folder, num_jobs, 0, Settings(), on_outcome)
    server = Server(1, OmegaConf.to_yaml(without_hydra(whole)))
    with closing(LocalEngine(server, [Allocation()] * at_a_time)) as engine:
        sweep.run(engine, map(task, known.track_starts(jobs)))
    job_s = (times[-1] - times[0]) / (num_jobs - 1)  # the first waits for the server to load
    print(json.dumps({"job_s": job_s, "memory": memory}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
