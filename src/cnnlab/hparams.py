"""TensorBoard's HParams table, its columns and rows, as the summaries that an event file holds; without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

LAST = "~"  # TensorBoard sorts cards by their names: what begins with this comes after what does not
RESULT = f"{LAST}result/"  # the group of a row's metrics
MAX_OPTIONS = 50  # of a column, as boxes to tick

Value = float | str


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: What varies.
        is_number: Whether every row's value is a number, rather than a text.
        options: The texts of all rows, if they are known.
    """

    name: str
    is_number: bool
    options: tuple[str, ...] = ()


def scalars(values: Mapping[str, float]) -> Summary:
    """A point of each curve.

    Args:
        values: By the curve's name.
    """
    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])


def table(columns: Sequence[Column], metrics: Sequence[str]) -> Summary:
    """The head of the table; of several in the folders that TensorBoard reads it takes any.

    TensorBoard sorts columns by name; those that differ come first, which here is said of all except the seed.

    Args:
        columns: What varies, the same in every row.
        metrics: The metrics, in order; a row's values are the last points of the curves `RESULT` and the name.
    """
    experiment = api_pb2.Experiment(
        hparam_infos=[_info(column) for column in columns],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=f"{RESULT}{name}"), display_name=name) for name in metrics
        ],
    )
    return _summary(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment))


def row(values: Mapping[str, Value]) -> list[Summary]:
    """The run's row of the table.

    Args:
        values: By column; of the column's type.
    """
    start = SessionStartInfo()
    for name, value in values.items():
        if isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    end = SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    return [
        _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ]


def _info(column: Column) -> api_pb2.HParamInfo:
    kind = api_pb2.DATA_TYPE_FLOAT64 if column.is_number else api_pb2.DATA_TYPE_STRING
    info = api_pb2.HParamInfo(name=column.name, type=kind, differs=column.name != "seed")
    if not column.is_number and len(column.options) <= MAX_OPTIONS:
        info.domain_discrete.extend(column.options)
    return info


def _summary(tag: str, content: HParamsPluginData) -> Summary:
    value = Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(content), tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])
