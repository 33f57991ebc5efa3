from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.run.execution import run
from cnnlab.run.folder import RunFolder
from cnnlab.training.build import build_classifier, build_data
from tests.conftest import SMALL

SHORT = (*SMALL, "callbacks=light", "logger=none", "trainer.max_epochs=1", "trainer.limit_train_batches=20")


def saved(folder: Path) -> list[np.ndarray]:
    content = np.load(RunFolder(folder).predictions)
    return [content[name] for name in ("predicted", "label", "probability")]


@pytest.mark.parametrize("overrides", [(), ("data.eval_batch_size=77", "kernels=torch")])
def test_they_are_the_tested_weights_answers_in_the_order_of_the_images(
    compose_run, tmp_path: Path, overrides: tuple[str, ...]
):
    config = compose_run(*SHORT, *overrides)
    run(config)
    classifier, data = build_classifier(config).eval(), build_data(config)
    checkpoint = torch.load(RunFolder(tmp_path / "run").last_checkpoint, weights_only=True)
    classifier.load_state_dict(checkpoint["state_dict"])
    data.setup()
    images, labels = data.part("test")
    with torch.inference_mode():
        probabilities = classifier(images).softmax(dim=1)
    predicted, label, probability = saved(tmp_path / "run")
    assert label.tolist() == labels.tolist()
    assert predicted.dtype == label.dtype == np.uint8
    assert probability.dtype == np.float16
    assert predicted.tolist() == probabilities.argmax(dim=1).tolist()
    np.testing.assert_allclose(probability, probabilities[torch.arange(len(labels)), labels], atol=1e-3)
    result = RunFolder(tmp_path / "run").result()
    assert result is not None
    assert (predicted == labels.numpy()).mean() == pytest.approx(result["metrics"]["test/acc"], abs=1e-9)
    assert RunFolder(tmp_path / "run").predictions.stat().st_size < 4 * len(labels)


def test_a_limited_test_has_the_first_images(compose_run, tmp_path: Path):
    run(compose_run(*SHORT, "data.eval_batch_size=100", "trainer.limit_test_batches=2"))
    assert [len(part) for part in saved(tmp_path / "run")] == [200, 200, 200]


def test_where_nothing_is_tested_nothing_is_saved(compose_run, tmp_path: Path):
    run(compose_run(*SHORT, "trainer.limit_test_batches=0"))
    assert not RunFolder(tmp_path / "run").predictions.exists()
