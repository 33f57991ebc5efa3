"""python train.py [group=option] [key=value] …: composes an experiment, runs it, returns its objective."""

import sys

import hydra
from omegaconf import DictConfig

from cnnlab.cli.main import command_line, job


@hydra.main(config_path="conf", config_name="train", version_base="1.3")
@job
def main(config: DictConfig) -> float | None:
    """One run, from its config."""
    from cnnlab.run.execution import run  # here, since torch takes seconds that --help should not

    return run(config)


if __name__ == "__main__":
    sys.exit(command_line(main))
