"""A sweep as TensorBoard shows it: a curve a configuration, a row of the HParams table each, and bands over seeds."""

import hashlib
import io
import os
import shlex
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.custom_scalar import layout_pb2, metadata
from tensorboard.summary.writer.record_writer import RecordWriter

from cnnlab.files import make_folder
from cnnlab.hparams import LAST, RESULT, Column, Value, row, scalars, table
from cnnlab.metrics import ACCURACY, LOSS
from cnnlab.report.configurations import Configuration, as_number
from cnnlab.report.runs import Run
from cnnlab.report.sentences import Sentences
from cnnlab.run.status import Status
from cnnlab.sweep.names import folder_name

FOLDER = "tensorboard"  # in the report's
MOST_RUNS = 40  # with more, TensorBoard ticks none of them and opens blank
SPLITS = ("val", "train", "test")  # test: with watch=test
CURVES = [metric.of(split) for split in SPLITS for metric in (ACCURACY, LOSS)]
RESULTS = [metric.of(split) for split in ("val", "test") for metric in (ACCURACY, LOSS)]
EVENTS = "events.out.tfevents."


class Point(NamedTuple):
    """What the runs of a configuration have measured after an epoch.

    Attributes:
        epoch: From 1.
        seconds: Of the fit so far, the runs' median.
        values: Of each metric, of each run.
    """

    epoch: int
    seconds: float
    values: dict[str, tuple[float, ...]]


def command(report: Path, content: Mapping[str, Any]) -> str:
    """The command that opens what `write_tensorboard` has written, and a remark if that is not all; empty for nothing.

    Args:
        report: The report's folder.
        content: Of report.json.
    """
    if not any((report / FOLDER).glob(f"*/{EVENTS}*")):
        return ""
    total = sum(bool(each["val"] or each["test"]) for each in content["configurations"])
    remark = "" if total <= MOST_RUNS else f"  # the best {MOST_RUNS} of {total}: it opens blank with more"
    return f"tensorboard --logdir {shlex.quote(str(report / FOLDER))}{remark}"


def write_tensorboard(
    report: Path, content: Mapping[str, Any], names: Sequence[str], configurations: Sequence[Configuration]
) -> None:
    """Writes `tensorboard/` into a report's folder, one TensorBoard run a configuration; those of an earlier report go.

    Args:
        report: The report's folder.
        content: Of report.json.
        names: The varied names.
        configurations: The best first; those with a completed run are in it, at most `MOST_RUNS`.

    Raises:
        OSError: If it cannot be written.
    """
    shown = [each for each in configurations if _completed(each)][:MOST_RUNS]
    path, started = report / FOLDER, datetime.fromisoformat(content["created"]).timestamp()
    make_folder(path)
    columns, written = _columns(names, shown), set[Path]()
    for folder, configuration in zip(_folders(shown, content["language"]), shown, strict=True):
        events = _events(configuration, columns, started)
        make_folder(path / folder)
        written.add(_write(path / folder, events if written else [*_heads(columns, shown, started), *events], started))
    _remove_others(path, written)


def _write(folder: Path, events: Iterable[Event], started: float) -> Path:
    """Writes a file of events; its name differs from an earlier report's, which a server may be reading."""
    content = io.BytesIO()
    writer = RecordWriter(content)
    # a server that is running forgets the points of an earlier report at the mark of a new start
    start = Event(wall_time=started, session_log=SessionLog(status=SessionLog.START))
    for event in (Event(wall_time=started, file_version="brain.Event:2"), start, *events):
        writer.write(event.SerializeToString(deterministic=True))
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:8]
    path = folder / f"{EVENTS}{int(started):010}.{digest}"
    path.unlink(missing_ok=True)
    with path.open("xb") as file:  # follows no link; not waited for, since TensorBoard reads what there is
        file.write(content.getvalue())
    return path


def _remove_others(path: Path, written: set[Path]) -> None:
    """Removes the events of an earlier report, and the folders that they leave empty; nothing else, and no link's.

    The last report's are emptied first, and removed by the next: a running server follows a folder from file to file.
    """
    for folder in [each for each in path.iterdir() if each.is_dir() and not each.is_symlink()]:
        earlier = [each for each in folder.glob(f"{EVENTS}*") if each not in written and not each.is_dir()]
        is_continued = any(each.parent == folder for each in written)
        for events in earlier:
            if is_continued and not events.is_symlink() and events.stat().st_size > 0:
                os.truncate(events, 0)
            else:
                events.unlink()
        with suppress(OSError):  # not empty
            folder.rmdir()


def _folders(configurations: Sequence[Configuration], language: str) -> list[str]:
    """The names of TensorBoard's runs: the configurations', numbered where two are the same but for their case.

    A mean over survivors is marked as one.
    """
    sentences = Sentences(language)
    labels = [sentences.label(each.name, len(each.runs), each.num_lost) for each in configurations]
    same = Counter(label.casefold() for label in labels)
    return [
        folder_name(label if same[label.casefold()] == 1 else f"{label}, number {number}")
        for number, label in enumerate(labels, start=1)
    ]


def _columns(names: Sequence[str], configurations: Sequence[Configuration]) -> dict[str, Column]:
    """A column a varied name: of numbers, if all values are."""
    columns = {}
    for name in names:
        values = [each.values.get(name) for each in configurations]
        is_number = all(as_number(value) is not None for value in values)
        columns[name] = Column(_text(name), is_number, tuple(sorted({_text(value) for value in values})))
    return columns


def _text(value: object) -> str:
    return "none" if value is None else str(value).encode(errors="replace").decode()


def _events(configuration: Configuration, columns: Mapping[str, Column], started: float) -> Iterator[Event]:
    """A configuration's curves, its results, and its row of the table."""
    points = _points(configuration)
    for point in points:
        values = {name: statistics.fmean(each) for name, each in point.values.items()}
        for name, each in point.values.items():
            low, high = _edges(name)
            values |= {low: min(each), high: max(each)}
        yield Event(wall_time=started + point.seconds, step=point.epoch, summary=scalars(values))
    measured = {name: configuration.measured(name).values() for name in RESULTS}
    results = {f"{RESULT}{name}": statistics.fmean(each) for name, each in measured.items() if each}
    step, end = (points[-1].epoch, started + points[-1].seconds) if points else (0, started)
    results[f"{RESULT}n"] = len(_completed(configuration))
    cells = {column.name: _cell(column, configuration.values.get(name)) for name, column in columns.items()}
    for summary in (scalars(results), *row(cells)):
        yield Event(wall_time=end, step=step, summary=summary)


def _cell(column: Column, value: object) -> Value:
    number = as_number(value)
    return number if column.is_number and number is not None else _text(value)


def _heads(columns: Mapping[str, Column], configurations: Sequence[Configuration], started: float) -> list[Event]:
    """What is said once: the head of the table, and the charts with bands."""
    measured = {name for each in configurations for run in _completed(each) for name in run.epochs}
    summaries = (table(list(columns.values()), [*RESULTS, "n"]), _bands([name for name in CURVES if name in measured]))
    return [Event(wall_time=started, summary=summary) for summary in summaries]


def _bands(names: Sequence[str]) -> Summary:
    """The charts of the tab Custom Scalars: means over seeds, with bands from the lowest to the highest."""
    charts = []
    for name in reversed(names):  # TensorBoard shows the last chart first
        low, high = _edges(name)
        series = layout_pb2.MarginChartContent.Series(value=name, lower=low, upper=high)
        charts.append(layout_pb2.Chart(title=name, margin=layout_pb2.MarginChartContent(series=[series])))
    title = "mean over seeds, lowest to highest"
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title=title, chart=charts)])
    tensor = TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(), string_val=[layout.SerializeToString()])
    tag = metadata.CONFIG_SUMMARY_TAG
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(), tensor=tensor)])


def _edges(name: str) -> tuple[str, str]:
    """The names of the lowest and the highest run's curve."""
    return f"{LAST}seeds/{name}/lowest", f"{LAST}seeds/{name}/highest"


def _points(configuration: Configuration) -> list[Point]:
    """What the completed runs have measured, as far as all of them went."""
    runs = [run.epochs for run in _completed(configuration) if not run.epochs.keys().isdisjoint(CURVES)]
    names = [name for name in CURVES if runs and all(name in each for each in runs)]
    curves = {name: list(zip(*(each[name] for each in runs), strict=False)) for name in names}
    num_epochs = min(map(len, curves.values()), default=0)
    seconds = [[*accumulate(each.get("seconds", [])), *[0.0] * num_epochs] for each in runs]
    return [
        Point(
            epoch + 1,
            statistics.median(each[epoch] for each in seconds),
            {name: values[epoch] for name, values in curves.items()},
        )
        for epoch in range(num_epochs)
    ]


def _completed(configuration: Configuration) -> list[Run]:
    return [run for run in configuration.runs if run.status is Status.COMPLETED]
