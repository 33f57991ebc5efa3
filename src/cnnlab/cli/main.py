"""The entry point, with what Hydra does not do around a run."""

import gc
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

import cnnlab
from cnnlab.cli.messages import explain
from cnnlab.cli.output import safe_output
from cnnlab.cli.show import requested, show_run, take_request
from cnnlab.errors import EXIT_USER_ERROR, Diverged, HydraBypass, Pruned, SweepFailed, UserError
from cnnlab.experiment.settle import settle
from cnnlab.program import program
from cnnlab.run.flags import with_absolute_config_path
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
    if request := requested():  # a primary config without our callback
        with open_dict(config):
            config.hydra = HydraConfig.get()
        show_run(config, request)
        return None
    try:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            _check_settled(config)
        from cnnlab.run.execution import run  # here, since torch takes seconds to import, which --help should not

        return run(config)
    except Exception as error:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise  # a job's failure must not end the other jobs
        raise HydraBypass(error) from error


def _check_settled(config: DictConfig) -> None:
    """Rejects a job of Hydra's own sweeper with an experiment's values for another option: it composes jobs itself."""
    if not GlobalHydra.instance().is_initialized():
        return  # another launcher's process, which has the config from our sweeper
    whole = config.copy()
    with open_dict(whole):
        whole.hydra = HydraConfig.get()
    before = OmegaConf.to_container(whole, resolve=False)
    dropped = settle(whole, GlobalHydra.instance().config_loader())
    if OmegaConf.to_container(whole, resolve=False) != before:
        raise UserError(f"{dropped[0]}, but hydra/sweeper=basic would use it; choose hydra/sweeper=grid")


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
            if "LOCAL_RANK" not in os.environ:  # a worker has the command line of the first process
                if (folder := finished(sys.argv[1:])) is not None and (status := folder.status) is not None:
                    print(f"nothing to do: the run in {folder} is {status.label}")
                    return status.exit_code
                sys.argv[1:] = expand_resume(sys.argv[1:], config_folder())
                sys.argv[1:] = take_request(with_absolute_config_path(sys.argv[1:]))
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
        print(f"error: {line}", file=sys.stderr)
        return EXIT_USER_ERROR
    traceback.print_exception(error)
    return Status.FAILED.exit_code
