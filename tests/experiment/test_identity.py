import pytest
from omegaconf import OmegaConf, open_dict

from cnnlab.experiment.identity import difference, fingerprint, flat_params, numeric_params, with_fallback


@pytest.mark.parametrize(
    "override",
    [
        "console=lines",
        "callbacks=full",
        "logger=none",
        "trainer.log_every_n_steps=7",
        "trainer.fast=false",
        "data.root=elsewhere",
        "+trainer.profiler=simple",
        "data.fallback=null",
    ],
)
def test_what_cannot_change_the_numbers_does_not_change_the_fingerprint(compose_run, override: str):
    assert fingerprint(compose_run(override)) == fingerprint(compose_run())


def test_a_run_of_before_there_were_cuda_graphs_is_one_without(compose_run):
    before, now = compose_run(), compose_run()
    with open_dict(before):
        del before.trainer["cuda_graph"]
    assert fingerprint(before) == fingerprint(now)
    assert difference(before, now) is None
    changed = difference(before, compose_run("trainer.cuda_graph=true"))  # other bits, by the rates' single precision
    assert changed == ("trainer.cuda_graph", None, True)


def test_a_run_of_before_there_was_an_order_of_pixels_has_them_in_place(compose_run):
    before, now = compose_run(), compose_run()
    with open_dict(before):
        del before.data["pixel_order_seed"]
    assert fingerprint(before) == fingerprint(now)
    assert difference(before, now) is None
    assert difference(before, compose_run("data.pixel_order_seed=0")) == ("data.pixel_order_seed", None, 0)


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "optimizer=adam",
        "optimizer.lr=0.02",
        "activation=tanh",
        "init=zeros",
        "pool=avg",
        "loss=mse",
        "scheduler=cosine",
        "model.dropout=0.1",
        "data=mnist_5k",
        "data.batch_size=32",
        "data.split_seed=1",
        "data.pixel_order_seed=0",
        "select=best",
        "watch=test",
        "trainer.max_epochs=3",
        "trainer.precision=bf16-mixed",
        "trainer.accelerator=cpu",
        "+trainer.profiler=pytorch",
        "+callbacks.stop={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/acc}",
        "+callbacks.ours={_target_: cnnlab.optim.ExponentialMovingAverage, decay: 0.9}",
    ],
)
def test_what_can_change_the_numbers_does(compose_run, override: str):
    assert fingerprint(compose_run(override)) != fingerprint(compose_run())


def test_what_the_files_determine_does_not_change_the_fingerprint(compose_run):
    names = numeric_params(compose_run())
    assert not [name for name in names if name.endswith((".image_shape", ".num_classes", ".classes"))]


def test_params_are_flat_and_resolved(compose_run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CNNLAB_DATA_DIR", "/somewhere")
    params = flat_params(compose_run("optimizer=adagrad"))
    assert params["optimizer.lr"] == 0.01
    assert params["data.root"] == "/somewhere"
    assert params["model.activation._target_"] == "torch.nn.ReLU"
    assert not [name for name, value in params.items() if isinstance(value, dict) and value]


def test_an_integer_and_the_same_float_are_one_experiment(compose_run):
    assert fingerprint(compose_run("optimizer.lr=1")) == fingerprint(compose_run("optimizer.lr=1.0"))


def test_an_axis_that_the_model_does_not_use_is_no_part_of_the_experiment(compose_run):
    assert fingerprint(compose_run("model=mlp", "pool=avg")) == fingerprint(compose_run("model=mlp"))


def test_the_first_difference_is_named(compose_run):
    assert difference(compose_run("seed=1", "console=none"), compose_run("seed=2")) == ("seed", 1, 2)
    assert difference(compose_run("console=none"), compose_run()) is None


def test_a_run_on_its_fallback_is_the_experiment_on_that_data_set(compose_run):
    assert fingerprint(with_fallback(compose_run())) == fingerprint(compose_run("data=mnist_5k"))
    all_train = with_fallback(compose_run("data.num_val=0", "data.batch_size=32"))
    assert fingerprint(all_train) == fingerprint(compose_run("data=mnist_5k", "data.num_val=0", "data.batch_size=32"))
    assert compose_run().data.name == "mnist"


def test_hydras_part_is_no_part_of_the_experiment(compose_run):
    config = compose_run()
    with_hydra = config.copy()
    OmegaConf.update(with_hydra, "hydra", {"job": {"name": "x"}}, force_add=True)
    assert fingerprint(with_hydra) == fingerprint(config)
