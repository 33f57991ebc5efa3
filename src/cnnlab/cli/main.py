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

from cnnlab.cli.arguments import prepare
from cnnlab.cli.distributed import is_worker, isolate
from cnnlab.cli.messages import explain, printable
from cnnlab.cli.output import safe_output
from cnnlab.cli.show import requested, show_run, take_request
from cnnlab.cli.untrusted import check_untrusted, take_trust
from cnnlab.environment import ignore_foreign_variables, spin_briefly
from cnnlab.errors import EXIT_USER_ERROR, Diverged, HydraBypass, Pruned, SweepFailed, UserError
from cnnlab.experiment.folder import config_folder
from cnnlab.experiment.settle import settle
from cnnlab.files import expand_home
from cnnlab.program import program, working_folder
from cnnlab.run.resume import expand_resume, finished
from cnnlab.run.status import Status
from cnnlab.signals import SignalGuard, exit_at_once, restored, silent_where_dropped

GARBAGE_THRESHOLD = 100_000  # new objects before a garbage collection; the default 700 costs a fifth of the start-up

WAY_ON = {  # from a run that is final, but not completed
    Status.DIVERGED: ", and would diverge again; start a new run, with a smaller optimizer.lr for example",
    Status.PRUNED: " by its search; start a new run with its values to train it to the end",
}


def main() -> int:
    """`cnnlab` and `python train.py`: composes an experiment from `sys.argv` and runs it.

    Returns:
        The exit code, as for `command_line`.
    """
    ignore_foreign_variables()
    spin_briefly()
    gc.set_threshold(GARBAGE_THRESHOLD)
    OmegaConf.register_new_resolver("program", program, replace=True)  # for the text of --help
    return command_line(hydra.main(config_path=str(config_folder()), config_name="train", version_base="1.3")(_train))


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
        with restored():
            exit_at_once()
            from cnnlab.run.execution import run  # here, since torch takes seconds to import, which --help should not

        return run(with_absolute_paths(config))
    except Exception as error:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise  # a job's failure must not end the other jobs
        raise HydraBypass(error) from error


def with_absolute_paths(config: DictConfig) -> DictConfig:
    """Makes a run's relative paths absolute, if its working directory is its own folder (`hydra.job.chdir=true`).

    Args:
        config: The composed config, changed in place.

    Returns:
        The config.
    """
    for key in ("data.root", "data.files.folder"):
        path = OmegaConf.select(config, key)
        if HydraConfig.get().job.chdir and path is not None and not Path(expand_home(path)).is_absolute():
            OmegaConf.update(config, key, str(working_folder() / path))
    return config


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
        interruptions exit with 130, 143 or 129.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then passes exceptions on, and `explain` formats them
    with safe_output(), silent_where_dropped(), SignalGuard() as guard:
        try:
            if not is_worker():  # which has the command line of the first process
                isolate()
                typed = prepare(take_trust(sys.argv[1:]))
                if (folder := finished(typed)) is not None and (status := folder.status) is not None:
                    print(f"nothing to do: the run in {folder} is {status.label}{WAY_ON.get(status, '')}")
                    return status.exit_code
                line = take_request(expand_resume(typed, config_folder()))
                sys.argv[1:] = line.arguments()
                check_untrusted(typed, line, config_folder())
            main()
        except HydraBypass as carrier:
            return _report(carrier.error)
        except Exception as error:
            return _report(error)
        guard.check()
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
    line = explain(error, sys.argv[1:])
    if line is not None:
        print(f"error: {printable(line)}", file=sys.stderr)
        return EXIT_USER_ERROR
    traceback.print_exception(error)
    return Status.FAILED.exit_code
