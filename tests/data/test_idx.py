import gzip
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision import datasets

from cnnlab.data.idx import IdxFiles, parse_idx
from cnnlab.errors import UserError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist


def idx(sizes: tuple[int, ...], elements: bytes) -> bytes:
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + elements


@pytest.fixture
def small(tmp_path: Path) -> IdxFiles:
    """Four small files in a folder, and their checksums."""
    contents = [
        idx((6, 28, 28), bytes(range(256)) * 18 + bytes(96)),
        idx((6,), bytes([3, 1, 4, 1, 5, 9])),
        idx((2, 28, 28), bytes(2 * 784)),
        idx((2,), bytes([2, 6])),
    ]
    for name, content in zip(NAMES, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    return IdxFiles(
        tmp_path,
        "MNIST",
        {name: hashlib.sha256(content).hexdigest() for name, content in zip(NAMES, contents, strict=True)},
    )


@given(sizes=st.lists(st.integers(0, 4), min_size=1, max_size=3))
def test_parsing_gives_back_what_was_written(sizes: list[int]):
    tensor = torch.randint(0, 256, sizes, dtype=torch.uint8)
    assert torch.equal(parse_idx(idx(tuple(sizes), tensor.numpy().tobytes())), tensor)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00", "not an IDX file of unsigned bytes: it starts with 00000d01"),
        (b"\x00", "not an IDX file"),
        (b"\x00\x00\x08\x03\x00\x00", "an IDX header of 16 bytes, but only 6 bytes"),
        (idx((3,), b"ab"), r"10 bytes, but the sizes \(3,\) need 11"),
        (idx((3,), b"abcd"), r"12 bytes, but the sizes \(3,\) need 11"),
    ],
)
def test_content_of_another_form_is_refused(content: bytes, message: str):
    with pytest.raises(ValueError, match=message):
        parse_idx(content)


def test_plain_and_compressed_files_give_the_same(small: IdxFiles):
    plain = small.load()
    assert plain.train_labels.tolist() == [3, 1, 4, 1, 5, 9]
    assert plain.train_images.shape == (6, 28, 28)
    for name in NAMES[:3]:
        path = small.folder / name
        path.with_name(f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert small.missing() == []
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(small.load(), plain, strict=True))


def test_torchvision_reads_the_same(small: IdxFiles):
    theirs = datasets.mnist.read_image_file(str(small.folder / NAMES[0]))
    assert torch.equal(small.load().train_images, theirs)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["flipped bit", "truncated", "empty"])
def test_a_damaged_file_is_refused_by_name_with_both_hashes(small: IdxFiles, name: str, damage: str, compressed: bool):
    path = small.folder / name
    content = bytearray(gzip.compress(path.read_bytes()) if compressed else path.read_bytes())
    if compressed:
        path.unlink()
        path = path.with_name(f"{name}.gz")
    if damage == "flipped bit":
        content[len(content) // 2] ^= 1
    path.write_bytes(
        content if damage == "flipped bit" else content[: len(content) // 2 if damage == "truncated" else 0]
    )
    with pytest.raises(UserError) as error:
        small.load()
    assert str(error.value).startswith(f"{path} is damaged or not the published file: its content has SHA-256 ")
    assert f"expected {small.sha256[name]}" in str(error.value)


def test_swapped_labels_are_refused(small: IdxFiles):
    train, test = small.folder / NAMES[1], small.folder / NAMES[3]
    train_content, test_content = train.read_bytes(), test.read_bytes()
    train.write_bytes(test_content)
    test.write_bytes(train_content)
    with pytest.raises(UserError, match=str(train)):
        small.load()


def test_a_checksum_of_the_compressed_file_checks_just_that(tmp_path: Path, small: IdxFiles):
    compressed = {f"{name}.gz": gzip.compress((small.folder / name).read_bytes(), mtime=0) for name in NAMES}
    folder = tmp_path / "gz"
    folder.mkdir()
    for name, content in compressed.items():
        (folder / name).write_bytes(content)
    files = IdxFiles(
        folder, "KMNIST", {name: hashlib.sha256(content).hexdigest() for name, content in compressed.items()}
    )
    assert files.load().test_labels.tolist() == [2, 6]
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress((small.folder / NAMES[1]).read_bytes(), 1, mtime=1))
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte\.gz is damaged"):
        files.load()


def test_missing_files_are_named(small: IdxFiles):
    (small.folder / NAMES[2]).unlink()
    assert small.missing() == [small.folder / NAMES[2]]
    with pytest.raises(UserError, match=f"{NAMES[2]} and its .gz are missing"):
        small.load()


def test_a_read_only_folder_is_used_where_it_is(small: IdxFiles):
    before = sorted(small.folder.iterdir())
    small.folder.chmod(0o500)
    try:
        assert len(small.load().train_images) == 6
        assert sorted(small.folder.iterdir()) == before
    finally:
        small.folder.chmod(0o700)


@pytest.fixture
def hanging_mirror() -> Iterator[str]:
    """A server on this machine that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []
        stop = threading.Event()

        def serve() -> None:
            server.settimeout(0.1)
            while not stop.is_set():
                try:
                    taken.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        stop.set()
        thread.join()
        for connection in taken:
            connection.close()


@pytest.mark.slow
def test_a_mirror_that_hangs_is_given_up_within_20_seconds(
    tmp_path: Path, hanging_mirror: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(datasets.MNIST, "mirrors", [hanging_mirror])
    files = IdxFiles(tmp_path / "MNIST" / "raw", "MNIST", dict.fromkeys(NAMES, ""))
    started = time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        files.download()
    assert time.monotonic() - started < 20
    assert socket.getdefaulttimeout() is None


def test_a_mirror_that_refuses_is_followed_by_the_next(
    tmp_path: Path, small: IdxFiles, monkeypatch: pytest.MonkeyPatch, served_folder: str
):
    published = [(f"{name}.gz", None) for name in NAMES]
    for name in NAMES:
        path = small.folder / name
        (small.folder / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        refusing = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    monkeypatch.setattr(datasets.MNIST, "mirrors", [refusing, served_folder])
    monkeypatch.setattr(datasets.MNIST, "resources", published)
    files = IdxFiles(tmp_path / "root" / "MNIST" / "raw", "MNIST", small.sha256)
    files.download()
    assert files.missing() == []
    assert files.load().train_labels.tolist() == [3, 1, 4, 1, 5, 9]


@pytest.fixture
def served_folder(small: IdxFiles) -> Iterator[str]:
    """The small files over HTTP on this machine."""
    import functools
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(small.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_mnist_itself_is_what_was_published(mnist_root: Path, compose_run):
    config = compose_run(f"data.root={mnist_root}")
    files = IdxFiles(config.data.files.folder, "MNIST", dict(config.data.files.sha256))
    images = files.load()
    assert images.train_images.shape == (60_000, 28, 28)
    assert images.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    pixels = images.train_images.double() / 255
    assert pixels.mean().item() == pytest.approx(config.data.mean, abs=5e-5)
    assert pixels.std().item() == pytest.approx(config.data.std, abs=5e-5)


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_fashion_mnist_is_what_was_published(compose_run):
    config = compose_run("data=fashion_mnist")
    images = IdxFiles(FASHION, "FashionMNIST", dict(config.data.files.sha256)).load()
    assert images.train_labels.bincount().tolist() == [6000] * 10
    pixels = images.train_images.double() / 255
    assert pixels.mean().item() == pytest.approx(config.data.mean, abs=5e-5)
    assert pixels.std().item() == pytest.approx(config.data.std, abs=5e-5)


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..", ""])
def test_a_file_is_named_and_not_a_path(tmp_path: Path, name: str):
    """A download would move it out of the folder."""
    with pytest.raises(UserError, match=r"data\.files\.sha256 has .*not the name of a file"):
        IdxFiles(tmp_path, "MNIST", {name: "0"})
