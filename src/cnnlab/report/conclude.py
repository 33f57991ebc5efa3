"""The end of a sweep: its report, and what it says."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from cnnlab.errors import UserError
from cnnlab.program import repository_script
from cnnlab.report import tensorboard
from cnnlab.report.content import Settings
from cnnlab.report.tables import print_summary
from cnnlab.report.write import FOLDER, UnknownBaseline, write_report


def conclude(config: DictConfig) -> None:
    """Writes a sweep's report and prints the summary; a sweep without a report is still a sweep.

    Args:
        config: The sweep's config, with Hydra's part.
    """
    folder, chosen = Path(config.hydra.sweep.dir), config.report
    settings = Settings(
        margin=None if chosen.margin is None else chosen.margin / 100,
        baseline=None if chosen.baseline is None else str(chosen.baseline),
        language=chosen.language,
        targets=tuple(sorted(map(float, chosen.targets))),
        mix_versions=chosen.mix_versions,
    )
    try:
        content = write_report(folder, settings, "report.{name}={value}")
    except UserError as error:
        script = repository_script("scripts/report.py") if isinstance(error, UnknownBaseline) else ()
        later = f"; then: {script[0]} {shlex.quote(str(folder))} --baseline …" if script else ""
        print(f"no report: {error}{later}", file=sys.stderr, flush=True)
        return
    print_report(folder, content)


def print_report(folder: Path, content: Mapping[str, Any]) -> None:
    """Prints what a report says, where it is, and the command that shows it in TensorBoard.

    Args:
        folder: The sweep's.
        content: Of report.json.
    """
    print_summary(content, Console(highlight=False, soft_wrap=True))
    report = folder / FOLDER
    command = tensorboard.command(report, content)
    print(f"report: {shlex.quote(str(report))}" + (f"\n  {command}" if command else ""), flush=True)
