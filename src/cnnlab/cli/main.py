"""The entry point, with what Hydra does not do around a run."""

import gc
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

import cnnlab
from cnnlab.cli.messages import explain, printable
from cnnlab.cli.output import safe_output
from cnnlab.cli.untrusted import check_untrusted, take_trust
from cnnlab.errors import EXIT_USER_ERROR, Diverged, HydraBypass, Pruned, SweepFailed
from cnnlab.program import program
from cnnlab.run.resume import expand_resume, finished
from cnnlab.run.status import Status
from cnnlab.signals import SignalGuard

GARBAGE_THRESHOLD = 100_000  # new objects before a garbage collection; the default 700 costs a fifth of the start-up


def main() -> int:
    """`cnnlab` and `python train.py`: composes an experiment from `sys.argv` and runs it.

    Returns:
        The exit code, as for `command_line`.
    """
    gc.set_threshold(GARBAGE_THRESHOLD)
    OmegaConf.register_new_resolver("program", program, replace=True)  # for the text of --help
    return command_line(hydra.main(config_path=str(config_folder()), config_name="train", version_base="1.3")(_train))


def config_folder() -> Path:
    """The folder of the config groups: in the installed package, or at the top of the repository."""
    package = Path(cnnlab.__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


def _train(config: DictConfig) -> float | None:
    """Executes a run and returns its objective."""
    try:
        from cnnlab.run.execution import run  # here, since torch takes seconds to import, which --help should not

        return run(config)
    except Exception as error:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise  # a job's failure must not end the other jobs
        raise HydraBypass(error) from error


def command_line(main: Callable[[], object]) -> int:
    """Runs a Hydra program on `sys.argv`.

    Args:
        main: A function decorated by `hydra.main`.

    Returns:
        The exit code: 0, 1 for a failure, 2 for a user's mistake, 3 for a diverged run, 4 for a pruned run;
        interruptions exit with 130 or 143.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then passes exceptions on, and `explain` formats them
    with safe_output(), SignalGuard():
        try:
            sys.argv[1:] = typed = take_trust(sys.argv[1:])
            if "LOCAL_RANK" not in os.environ:  # a worker has the command line of the first process
                if (folder := finished(sys.argv[1:])) is not None and (status := folder.status) is not None:
                    print(f"nothing to do: the run in {folder} is {status.label}")
                    return status.exit_code
                sys.argv[1:] = expand_resume(sys.argv[1:])
            check_untrusted(typed, sys.argv[1:], config_folder())
            main()
        except HydraBypass as carrier:
            return _report(carrier.error)
        except Exception as error:
            return _report(error)
    return 0


def _report(error: Exception) -> int:
    if isinstance(error, Diverged):
        print(f"diverged: {error}", file=sys.stderr)
        return Status.DIVERGED.exit_code
    if isinstance(error, Pruned):
        print(f"pruned: {error}", file=sys.stderr)
        return Status.PRUNED.exit_code
    if isinstance(error, SweepFailed):
        return Status.FAILED.exit_code
    line = explain(error)
    if line is not None:
        print(f"error: {printable(line)}", file=sys.stderr)
        return EXIT_USER_ERROR
    traceback.print_exception(error)
    return Status.FAILED.exit_code
