import inspect

import lightning
import pytest

from cnnlab.errors import UserError
from cnnlab.experiment.check import check
from cnnlab.experiment.trainer import ARGUMENTS, INSTEAD
from tests.conftest import SMALL

GPU = ("data=mnist_5k", "trainer=gpu")


def refusal(config) -> str:
    with pytest.raises(UserError) as error:
        check(config, {}, [])
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_arguments_are_those_of_lightnings_trainer():
    assert tuple(inspect.signature(lightning.Trainer).parameters) == ARGUMENTS
    assert set(INSTEAD) <= set(ARGUMENTS)


@pytest.mark.parametrize("name", INSTEAD)
def test_an_argument_that_does_nothing_here_is_refused_with_what_to_do(compose_run, name: str):
    assert refusal(compose_run(*SMALL, f"+trainer.{name}=null")) == (
        f"trainer.{name}=null has no effect: {INSTEAD[name]}"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+trainer.max_epoch=3", "trainer.max_epoch is not an argument of lightning.Trainer; did you mean"),
        ("+trainer.gpus=1", "trainer.gpus is not an argument of lightning.Trainer; "),
        ("+trainer.zzz=1", "its arguments are accelerator, strategy, devices"),
        ("trainer.precision=16-mixed", "needs a GPU; on a CPU use trainer.precision=bf16-mixed"),
        ("trainer.precision=16", "trainer.precision=16 needs a GPU"),
        ("+trainer.benchmark=true", "use trainer.deterministic=false"),
        ("trainer.gradient_clip_algorithm=norm", "has no effect without trainer.gradient_clip_val"),
        ("+trainer.sync_batchnorm=true", "needs several GPUs"),
        ("+trainer.sync_batchnorm=true trainer.devices=2", "needs several GPUs"),
        ("+trainer.min_epochs=99", "trainer.min_epochs=99 is more than trainer.max_epochs=40"),
        ("trainer.accelerator=tpu", "trainer.accelerator=tpu is not allowed; it must be auto or cpu or cuda"),
        ("+trainer.strategy=ddp_spawn", "trainer.strategy=ddp_spawn is not allowed; it must be auto or ddp"),
        ("+trainer.strategy=fsdp", "trainer.strategy=fsdp is not allowed"),
        ("+trainer.profiler=complex", "it must be null or simple or advanced or pytorch"),
        ("trainer.fast_dev_run=-1", "it must be true or false, or a number of batches"),
        ("+trainer.overfit_batches=1.5", "a number of batches, or a fraction from 0.0 to 1.0"),
        ("+trainer.overfit_batches=1 trainer.limit_train_batches=5", "limit_train_batches=5 has no effect with"),
        ("+trainer.overfit_batches=1 trainer.limit_val_batches=0", "limit_val_batches=0 has no effect with"),
        ("+trainer.overfit_batches=0.5", "overfit_batches=0.5 leaves no batch of the val images, which are 1 batch;"),
        ("trainer.limit_train_batches=0.001", "no batch of the train images, which are 63 batches; use a number of"),
        ("trainer.limit_val_batches=0.1", "or a smaller data.eval_batch_size"),
        ("trainer.limit_test_batches=0.001", "trainer.limit_test_batches=0.001 leaves no batch of the test images"),
        ("trainer.limit_val_batches=0.1 watch=test", "no batch of the test images"),
        ("trainer.limit_train_batches=0.02 trainer.devices=2", "no batch of the train images, which are 32 batches"),
    ],
)
def test_what_lightning_would_change_or_refuse_later_is_refused(compose_run, override: str, message: str):
    assert message in refusal(compose_run(*SMALL, *override.split()))


@pytest.mark.parametrize(
    "overrides",
    [
        (*GPU, "trainer.precision=16-mixed"),
        (*GPU, "trainer.deterministic=false", "+trainer.benchmark=true"),
        (*GPU, "trainer.devices=2", "+trainer.sync_batchnorm=true"),
        (*SMALL, "trainer.gradient_clip_val=1", "trainer.gradient_clip_algorithm=value"),
        (*SMALL, "+trainer.min_epochs=2", "+trainer.detect_anomaly=true", "+trainer.inference_mode=false"),
        (*SMALL, "+trainer.profiler=simple", "trainer.enable_model_summary=true", "trainer.num_sanity_val_steps=2"),
        (*SMALL, "+trainer.overfit_batches=10"),
        (*SMALL, "+trainer.overfit_batches=0.1", "data.eval_batch_size=50"),
        (*SMALL, "trainer.fast_dev_run=true", "trainer.limit_test_batches=0.001"),
        (*SMALL, "trainer.limit_val_batches=0.1", "data.num_val=0"),
        ("trainer=ddp", "trainer.accelerator=cpu"),
        (*SMALL, "+trainer.strategy={_target_: lightning.pytorch.strategies.DDPStrategy, static_graph: true}"),
    ],
)
def test_what_works_is_accepted(compose_run, overrides: tuple[str, ...]):
    check(compose_run(*overrides), {}, [])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("trainer=cpu", "needs a CUDA device, but trainer.accelerator=cpu; use trainer=gpu"),
        ("trainer.accelerator=mps", "needs a CUDA device, but trainer.accelerator=mps; use trainer=gpu"),
        (
            "trainer.fast=false",
            "replaces Lightning's own loop, which trainer.fast=false asks for; use trainer.fast=true",
        ),
        ("model.compile=true", "captures the step that model.compile=true compiles; use model.compile=false"),
        (
            "trainer.precision=bf16-mixed",
            "is for single precision, and trainer.precision=bf16-mixed; use trainer.preci",
        ),
        ("trainer.precision=64-true", "is for single precision, and trainer.precision=64-true; use trainer.precision"),
        (
            "trainer.gradient_clip_val=1",
            "has no gradients to clip, but trainer.gradient_clip_val=1; use trainer.gradient",
        ),
        (
            "trainer.accumulate_grad_batches=2",
            "a step for each batch, but trainer.accumulate_grad_batches=2; use train",
        ),
        ("trainer.devices=2", "is for one GPU; use trainer=gpu"),
        ("trainer=ddp trainer.devices=1", "is for one GPU; use trainer=gpu"),
        ("+trainer.profiler=simple", "leaves nothing to measure to trainer.profiler=simple; use trainer.profiler=null"),
        ("+trainer.detect_anomaly=true", "cannot look at values as trainer.detect_anomaly=true does; use trainer.det"),
        ("optimizer=schedule_free", "SGD, Adam and AdamW, and not ScheduleFreeAdamW; use optimizer=momentum, adam or"),
        (
            "optimizer=muon",
            "captures torch's fused SGD, Adam and AdamW, and not MuonAdamW; use optimizer=momentum, adam",
        ),
        ("optimizer=lion", "captures torch's fused SGD, Adam and AdamW, and not Lion; use optimizer=momentum, adam or"),
        ("optimizer=rmsprop", "captures torch's fused SGD, Adam and AdamW, and not RMSprop; use optimizer=momentum"),
        ("optimizer=adam optimizer.fused=false", "captures the fused Adam only; use optimizer.fused=true"),
        ("optimizer=sgd ~optimizer.fused", "captures the fused SGD only; use optimizer.fused=true"),
    ],
)
def test_what_no_cuda_graph_can_hold_is_refused(compose_run, overrides: str, message: str):
    trainer = () if overrides.startswith("trainer=") else ("trainer=gpu",)
    line = refusal(compose_run("data=mnist_5k", *trainer, "trainer.cuda_graph=true", *overrides.split()))
    assert line.startswith("trainer.cuda_graph=true ")
    assert message in line
    assert line.endswith(", or trainer.cuda_graph=false")


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw"])
def test_a_cuda_graph_is_accepted_on_a_gpu(compose_run, optimizer: str):
    check(compose_run(*GPU, "trainer.cuda_graph=true", f"optimizer={optimizer}", "trainer.precision=32"), {}, [])
