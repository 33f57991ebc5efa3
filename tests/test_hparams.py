"""TensorBoard's HParams table, as TensorBoard's own code reads it."""

from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.backend_context import Context

from cnnlab.hparams import Column, row, table


def head(*columns: Column) -> api_pb2.Experiment:
    (value,) = table(columns, ["val/acc", "n"]).value
    content = {"run": {metadata.EXPERIMENT_TAG: value.metadata.plugin_data.content}}
    return Context(None).experiment_from_metadata(None, "", True, content, None)  # as the server sorts it


def test_columns_are_sorted_by_name_with_the_seed_last():
    experiment = head(Column("trainer.x", True), Column("seed", True), Column("optimizer", False, ("adam", "sgd")))
    assert [info.name for info in experiment.hparam_infos] == ["optimizer", "trainer.x", "seed"]
    assert [info.display_name for info in experiment.metric_infos] == ["val/acc", "n"]
    assert [info.name.tag for info in experiment.metric_infos] == ["~result/val/acc", "~result/n"]


def test_numbers_are_numbers_and_texts_can_be_ticked():
    texts, many, numbers = head(
        Column("a", False, ("adam", "sgd")), Column("b", False, tuple(map(str, range(51)))), Column("c", True, ("1",))
    ).hparam_infos
    assert (texts.type, numbers.type) == (api_pb2.DATA_TYPE_STRING, api_pb2.DATA_TYPE_FLOAT64)
    assert [value.string_value for value in texts.domain_discrete.values] == ["adam", "sgd"]
    assert not many.domain_discrete.values
    assert not numbers.domain_discrete.values
    start, end = row({"optimizer": "adam", "seed": 3})
    content = metadata.parse_session_start_info_plugin_data(start.value[0].metadata.plugin_data.content)
    assert content.hparams["optimizer"].string_value == "adam"
    assert content.hparams["seed"].number_value == 3.0
    ended = metadata.parse_session_end_info_plugin_data(end.value[0].metadata.plugin_data.content)
    assert ended.status == api_pb2.STATUS_SUCCESS
