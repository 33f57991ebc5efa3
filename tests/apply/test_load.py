"""Finished runs read back, and scripts/tta.py over them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cnnlab.apply.load import load_finished
from cnnlab.apply.predict import probabilities
from cnnlab.errors import UserError
from cnnlab.run.claim import claim
from tests.conftest import REPOSITORY, SMALL
from tests.sweep.runs import begin, end, job

SHORT = (*SMALL, "trainer.max_epochs=2", "trainer.limit_train_batches=8", "callbacks=light", "logger=none")
AVERAGED = ("averaging=ema", "averaging.decay=0.5", "averaging.every_n_steps=1", "select=best", "optimizer=adam")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    done = python("train.py", *SHORT, *AVERAGED, f"hydra.run.dir={folder}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_a_finished_run_is_read_back_as_it_was_tested(trained: Path):
    classifier, data = load_finished(trained)
    images, labels = data.part("test")
    predicted = probabilities(classifier.network, images).argmax(dim=1)
    accuracy = json.loads((trained / "result.json").read_text())["metrics"]["test/acc"]
    assert (predicted == labels).double().mean().item() == pytest.approx(accuracy)


@pytest.mark.slow
def test_the_script_gives_the_accuracy_without_beside_that_with_shifted_views(trained: Path):
    result = json.loads((trained / "result.json").read_text())
    classifier, data = load_finished(trained)
    images, labels = data.part("test")
    shifts = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
    with torch.no_grad():
        views = [images.roll(shift, (2, 3)) for shift in shifts]  # the margins are empty
        mean = sum(classifier.network(view).softmax(dim=1) for view in views)
    accuracy = (mean.argmax(dim=1) == labels).double().mean().item()
    done = python("scripts/tta.py", str(trained))
    assert done.returncode == 0, done.stderr
    line = f"test accuracy {result['metrics']['test/acc']:.2%}, with test-time augmentation {accuracy:.2%}"
    assert done.stdout.splitlines()[0] == f"{trained}: {line}"


@pytest.mark.slow
def test_weights_that_were_not_tested_are_refused(trained: Path, tmp_path: Path):
    copy = shutil.copytree(trained, tmp_path / "copy")
    other = torch.load(copy / "checkpoints" / "best.ckpt", weights_only=True)
    next(iter(other["state_dict"].values())).add_(1)
    torch.save(other, copy / "checkpoints" / "best.ckpt")
    with pytest.raises(UserError, match="does not hold the tested weights"):
        load_finished(copy)
    content = bytearray((trained / "checkpoints" / "best.ckpt").read_bytes())
    content[len(content) // 2] ^= 8
    (copy / "checkpoints" / "best.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"best\.ckpt is damaged .*; run the experiment again"):
        load_finished(copy)
    (copy / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(UserError, match="is missing"):
        load_finished(copy)


@pytest.mark.slow
def test_a_run_on_other_data_is_refused(trained: Path, tmp_path: Path):
    copy = shutil.copytree(trained, tmp_path / "copy")
    result = json.loads((copy / "result.json").read_text())
    result["data"]["name"] = "mnist"
    (copy / "result.json").write_text(json.dumps(result))
    with pytest.raises(UserError, match="was tested on mnist, but the data now available is mnist_5k"):
        load_finished(copy)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["num_members: 1", "image_shape: ${data.image_shape}"])
def test_a_run_of_another_version_is_refused(trained: Path, tmp_path: Path, value: str):
    copy = shutil.copytree(trained, tmp_path / "copy")
    record = copy / ".hydra" / "config.yaml"
    before = record.read_text()
    record.write_text(before.replace(f"  {value}\n", ""))
    assert record.read_text() != before
    with pytest.raises(UserError, match=rf"is from another version .*{value.partition(':')[0]}"):
        load_finished(copy)


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_where_no_run_is_there_is_one_line(tmp_path: Path, name: str):
    with pytest.raises(UserError, match="no run there; it must be a run folder"):
        load_finished(tmp_path / name)


def test_a_run_that_has_not_completed_says_what_it_is(tmp_path: Path):
    one = job(tmp_path / "run")
    begin(one)
    with pytest.raises(UserError, match="no completed run there, it is killed, can be resumed"):
        load_finished(tmp_path / "run")
    claim(one.folder, resume=True)
    with pytest.raises(UserError, match="no completed run there, it is running;"):
        load_finished(tmp_path / "run")
    end(one, "completed")
    with pytest.raises(UserError, match=r"result\.json is damaged: it lacks the data's name"):
        load_finished(tmp_path / "run")
