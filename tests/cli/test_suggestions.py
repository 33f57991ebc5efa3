"""What may have been meant."""

import pytest

from cnnlab.cli.suggestions import edit_distance, nearest
from tests.cli.conftest import Typed

OPTIONS = "adadelta, adagrad, adagrad_lecture, adam, adamax, adamw, lion, "


def test_an_edit_is_a_letter_more_less_or_other_or_two_swapped():
    words = [("adam", "adam", 0), ("adma", "adam", 1), ("adamm", "adam", 1), ("sdg", "sgd", 1), ("", "ab", 2)]
    for first, second, distance in [*words, ("ca", "abc", 3), ("relu", "elu", 1), ("momentun", "momentum", 1)]:
        assert edit_distance(first, second) == edit_distance(second, first) == distance


def test_the_nearest_comes_first_and_what_is_far_not_at_all():
    assert nearest("adma", ["adamax", "adam", "sgd"])[0] == "adam"
    assert nearest("Adam", ["adamw", "adam"])[0] == "adam"
    assert nearest("foo", ["adam", "sgd"]) == []


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("optimiser=adam", "optimiser is not in this config; did you mean optimizer=adam?"),
        ("optimiser=adma", "optimiser is not in this config; did you mean optimizer=adam?"),
        ("optimiser.lr=1", "optimiser.lr is not in this config; did you mean optimizer.lr=1?"),
        ("Optimizer=adam", "Optimizer is not in this config; did you mean optimizer=adam?"),
        ("lr=0.1", "lr is not in this config; did you mean optimizer.lr=0.1?"),
        ("+lr=0.1", "lr is not in this config; did you mean optimizer.lr=0.1?"),
        ("optimizer.LR=0.1", "optimizer.LR is not in this config; did you mean optimizer.lr=0.1?"),
        ("learning_rate=0.1", "learning_rate is not in this config; did you mean optimizer.lr=0.1?"),
        ("epochs=3", "epochs is not in this config; did you mean trainer.max_epochs=3?"),
        ("trainer.max_epoch=3", "trainer.max_epoch is not in this config; did you mean trainer.max_epochs=3?"),
        ("train.max_epochs=3", "train.max_epochs is not in this config; did you mean trainer.max_epochs=3?"),
        ("trainer.batch_size=3", "trainer.batch_size is not in this config; did you mean data.batch_size=3?"),
        ("momentun=3", "momentun is not in this config; did you mean optimizer.momentum=3?"),
        ("adam=3", "adam is not in this config; did you mean optimizer=adam?"),
        ("nothing=3", "nothing is not in this config; --cfg job lists the keys"),
        ("optimizer.name=adam", "optimizer.name is not in this config; did you mean optimizer=adam?"),
        ("optimizer/lr=1", "optimizer/lr is not in this config; did you mean optimizer.lr=1?"),
        ("optimizer=adma", f"optimizer=adma is not an option; choose from {OPTIONS}"),
        ("optimizer=Adam", f"optimizer=Adam is not an option; choose from {OPTIONS}"),
        ("hydra.launcher.njobs=2", "hydra.launcher.njobs is not in this config; did you mean hydra.launcher.n_jobs=2?"),
        *(
            (f"-m seed=0,1 {key}=3", f"{key} is not in this config; it belongs to {owner}; add that, or leave it out")
            for key, owner in (
                ("hydra.sweeper.n_trials", "hydra/sweeper=optuna"),
                ("hydra.launcher.partition", "hydra/launcher=slurm"),
                ("hydra.launcher.ray.init.address", "hydra/launcher=ray"),
                ("hydra.sweeper.pruner.n_warmup_steps", "hydra/sweeper=optuna with hydra/sweeper/pruner=median"),
            )
        ),
        (
            "-m hydra/launcher=basic seed=0,1 hydra.launcher.n_jobs=3",
            "hydra.launcher.n_jobs is not in this config; it belongs to hydra/launcher=local; add that, or leave",
        ),
        ("hydra/launchr=local", "hydra/launchr is not in this config; did you mean hydra/launcher=local?"),
        (
            "optimizer=adam optimizer.momentum=0.9",
            "optimizer.momentum is not in this config; optimizer=adam has no momentum; it belongs to optimizer=mome",
        ),
        (
            "optimizer=sgd optimizer.momentum=0.9",
            "optimizer.momentum is not in this config; to pass it to torch.optim.SGD all the same: +optimizer.momen",
        ),
        (
            "-m optimizer=sgd,momentum optimizer.momentum=0.9",
            "optimizer.momentum is not in this config; to pass it to torch.optim.SGD all the same: ++optimizer.mome",
        ),
        (
            "-m optimizer=sgd,adam optimizer.momentum=0.9",
            "optimizer.momentum is not in this config; optimizer=sgd and adam have no momentum; it belongs to ",
        ),
    ],
)
def test_an_unknown_name_comes_with_what_may_have_been_meant(typed: Typed, command: str, line: str):
    code, text = typed(*command.split())
    assert (code, text.count("\n")) == (2, 1), text
    assert text.startswith(f"error: {line}")


def test_what_is_passed_on_with_a_plus_is_taken(typed: Typed):
    _, text = typed("optimizer=sgd", "optimizer.momentum=0.9")
    hint = text.partition("all the same: ")[2].partition(";")[0]
    assert typed("optimizer=sgd", hint, "hydra.run.dir=x")[0] == 0


def test_a_swapped_letter_is_one_mistake(typed: Typed):
    assert typed("optimizer=adma")[1].endswith("; did you mean adam?\n")
    assert typed("optimizer=Adam")[1].endswith("; did you mean adam?\n")
