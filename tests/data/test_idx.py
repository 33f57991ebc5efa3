import gzip
import hashlib
import os
import shutil
import socket
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision import datasets

from cnnlab.data.idx import IdxFiles, parse_idx
from cnnlab.data.source import Expected
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
        (b"", "not an IDX file of unsigned bytes: it is empty"),
        (b"\x00\x00\x08\xff" + b"\xff" * 1020, "it has 255 dimensions, more than"),  # not a message of 3,000 characters
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


def with_contents(files: IdxFiles, **contents: bytes) -> IdxFiles:
    """The data set with other contents, and their own, correct checksums."""
    names = dict(zip(("train_images", "train_labels", "test_images", "test_labels"), NAMES, strict=True))
    for part, content in contents.items():
        (files.folder / names[part]).write_bytes(content)
        files.sha256[names[part]] = hashlib.sha256(content).hexdigest()
    return files


EXPECTED = Expected([1, 28, 28], 10, 6, 2)


def test_a_data_set_that_is_as_the_config_says_is_read(small: IdxFiles):
    assert small.load(EXPECTED).train_labels.tolist() == [3, 1, 4, 1, 5, 9]


@pytest.mark.parametrize(
    ("contents", "name", "message"),
    [
        ({"train_labels": idx((5,), bytes(5))}, NAMES[0], f"has 6 images, but .*/{NAMES[1]} has 5 labels"),
        ({"test_labels": idx((3,), bytes(3))}, NAMES[2], f"has 2 images, but .*/{NAMES[3]} has 3 labels"),
        (
            {"train_labels": idx((6,), bytes([0, 1, 2, 3, 4, 10]))},
            NAMES[1],
            "has labels from 0 to 10, but .*=10 allows",
        ),
        ({"test_labels": idx((2,), bytes([255, 0]))}, NAMES[3], "has labels from 0 to 255"),
        ({"train_images": idx((6, 28, 27), bytes(6 * 28 * 27))}, NAMES[0], r"images of shape \[1, 28, 27\] \(channels"),
        ({"test_images": idx((2, 3, 14, 14), bytes(2 * 588))}, NAMES[2], r"images of shape \[3, 14, 14\]"),
        ({"test_images": idx((2, 784), bytes(2 * 784))}, NAMES[2], r"has the sizes \[2, 784\]; images have 3 or 4"),
        (
            {"train_images": idx((5, 28, 28), bytes(5 * 784)), "train_labels": idx((5,), bytes(5))},
            NAMES[0],
            r"has 5 images, but data\.num_train=6; set",
        ),
        (
            {"test_images": idx((3, 28, 28), bytes(3 * 784)), "test_labels": idx((3,), bytes(3))},
            NAMES[2],
            r"has 3 images, but data\.num_test=2; set",
        ),
        ({"train_labels": idx((6, 1), bytes(6))}, NAMES[1], r"has the sizes \[6, 1\]; .* labels 1"),
        ({"train_labels": idx((), bytes(1))}, NAMES[1], r"has the sizes \[\]"),
        ({"train_labels": b"\0\0\x09" + idx((6,), bytes(6))[3:]}, NAMES[1], "not an IDX file .* starts with 00000901"),
        ({"train_labels": b"\x89PNG"}, NAMES[1], "not an IDX file of unsigned bytes: it starts with 89504e47"),
        ({"train_labels": b""}, NAMES[1], "not an IDX file"),
        ({"test_labels": idx((2,), bytes(3))}, NAMES[3], r"11 bytes, but the sizes \(2,\) need 10"),
        ({"test_labels": idx((4_000_000_000,), bytes(3))}, NAMES[3], "need 4000000008"),
        (
            {"train_images": idx((200, 28, 28), bytes(200 * 784))},
            NAMES[0],
            "has 156816 bytes, but data.num_train.* allow",
        ),
    ],
)
def test_contents_that_contradict_each_other_or_the_config_are_refused_by_name(
    small: IdxFiles, contents: dict[str, bytes], name: str, message: str
):
    with pytest.raises(UserError, match=rf"{small.folder / name} .*{message}") as error:
        with_contents(small, **contents).load(EXPECTED)
    assert "\n" not in str(error.value)


def test_a_data_set_has_four_files(tmp_path: Path):
    with pytest.raises(UserError, match="names 2 files; it must name four"):
        IdxFiles(tmp_path, "MNIST", dict.fromkeys(NAMES[:2], ""))


def test_a_data_set_that_is_nowhere_published_cannot_be_downloaded(tmp_path: Path):
    with pytest.raises(OSError, match="torchvision has no mirrors of MyDigits"):
        IdxFiles(tmp_path / "data", "MyDigits", dict.fromkeys(NAMES, "")).download()
    assert not (tmp_path / "data").exists()


def test_a_checksum_may_have_capital_letters(small: IdxFiles):
    small.sha256 = {name: digest.upper() for name, digest in small.sha256.items()}
    assert small.load().test_labels.tolist() == [2, 6]


def test_several_members_of_a_gz_file_are_one_content(small: IdxFiles):
    for name in NAMES:
        path = small.folder / name
        content = path.read_bytes()
        path.with_name(f"{name}.gz").write_bytes(b"".join(gzip.compress(content[i : i + 9]) for i in range(0, 36, 9)))
        if len(content) > 36:
            path.with_name(f"{name}.gz").write_bytes(gzip.compress(content[:100]) + gzip.compress(content[100:]))
        path.unlink()
    assert small.load(EXPECTED).train_labels.tolist() == [3, 1, 4, 1, 5, 9]


@pytest.mark.parametrize("header", [idx((6,), b""), idx((100_000, 1000), b""), idx((4_000_000_000,), b""), b"no idx"])
def test_a_small_file_that_would_fill_the_memory_is_not_unpacked(small: IdxFiles, header: bytes):
    path = small.folder / NAMES[1]
    path.unlink()
    bomb = zlib.compressobj(9, wbits=31)
    content = b"".join([bomb.compress(header), *(bomb.compress(bytes(1 << 20)) for _ in range(50)), bomb.flush()])
    path.with_name(f"{path.name}.gz").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(UserError, match=rf"{path}\.gz (declares the sizes|is damaged: (not an IDX|its header decl))"):
        small.load(EXPECTED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_huge_plain_file_is_not_read(small: IdxFiles):
    with (small.folder / NAMES[0]).open("r+b") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(UserError, match=r"has 1099511627776 bytes, but data\.num_train"):
        small.load(EXPECTED)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)])
def test_what_is_no_file_is_named_and_not_waited_for(small: IdxFiles, make: Callable[[Path], None]):
    path = small.folder / NAMES[0]
    path.unlink()
    make(path)
    assert small.missing() == [path]
    with pytest.raises(UserError, match=rf"{path} is (a named pipe|a folder|a link to nothing), not a file; remove it"):
        small.download()


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("place", "root"),
    [
        ("MNIST/raw", ""),
        ("MNIST/raw", "MNIST"),
        ("MNIST/raw", "MNIST/raw"),
        ("data/MNIST/raw", ""),
        ("mnist", ""),
        ("mnist/raw", ""),
        ("mnist", "mnist"),
        ("MNIST", ""),
        ("MNIST", "MNIST"),
        ("", ""),
    ],
)
def test_a_root_that_is_a_folder_too_deep_or_too_high_is_understood(
    small: IdxFiles, tmp_path: Path, place: str, root: str, ending: str
):
    target = tmp_path / "somewhere" / place
    target.mkdir(parents=True)
    (tmp_path / "somewhere" / "FashionMNIST" / "raw").mkdir(parents=True)
    for name in NAMES:
        content = (small.folder / name).read_bytes()
        (target / f"{name}{ending}").write_bytes(gzip.compress(content) if ending else content)
    files = IdxFiles(tmp_path / "somewhere" / root / "MNIST" / "raw", "MNIST", small.sha256)
    assert files.missing() == []
    assert files.load(EXPECTED).test_labels.tolist() == [2, 6]


def test_unpacked_archives_and_dots_in_names_are_understood(small: IdxFiles):
    for name in NAMES[:2]:
        content = (small.folder / name).read_bytes()
        (small.folder / name).unlink()
        (small.folder / name).mkdir()
        (small.folder / name / name).write_bytes(content)
    for name in NAMES[2:]:
        (small.folder / name).rename(small.folder / name.replace("-idx", ".idx"))
    assert small.load(EXPECTED).test_labels.tolist() == [2, 6]


def test_another_data_sets_files_of_the_same_names_are_not_taken(small: IdxFiles, tmp_path: Path):
    fashion = tmp_path / "root" / "raw"
    fashion.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(small.folder / name, fashion)
    (fashion / NAMES[3]).write_bytes(idx((2,), bytes([6, 2])))
    assert len(IdxFiles(tmp_path / "root" / "MNIST" / "raw", "MNIST", small.sha256).missing()) == 4


def test_the_folder_that_is_named_comes_first(small: IdxFiles, tmp_path: Path):
    files = IdxFiles(tmp_path / "root" / "MNIST" / "raw", "MNIST", small.sha256)
    files.folder.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(small.folder / name, files.folder)
        shutil.copy(small.folder / name, tmp_path / "root")
    (files.folder / NAMES[1]).write_bytes(b"damaged")
    with pytest.raises(UserError, match=rf"{files.folder / NAMES[1]} is damaged"):
        files.load()


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


def test_one_process_downloads_and_those_that_start_with_it_wait(
    tmp_path: Path, small: IdxFiles, monkeypatch: pytest.MonkeyPatch
):
    downloads = []

    class Published:
        mirrors = ("somewhere",)

        def __init__(self, folder: str, download: bool) -> None:
            downloads.append(folder)
            time.sleep(0.3)
            Path(folder, "MNIST", "raw").mkdir(parents=True)
            for name in NAMES:
                shutil.copy(small.folder / name, Path(folder, "MNIST", "raw"))

    monkeypatch.setattr(datasets, "MNIST", Published)
    folder = tmp_path / "root" / "MNIST" / "raw"
    left = folder / ".download-killed"
    left.mkdir(parents=True)
    processes = [IdxFiles(folder, "MNIST", small.sha256) for _ in range(3)]
    threads = [threading.Thread(target=files.download) for files in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(downloads) == 1
    assert {path.name for path in folder.iterdir()} == set(NAMES)


@pytest.mark.usefixtures("unreachable")
def test_a_data_folder_that_cannot_be_made_is_the_reason_given(tmp_path: Path, small: IdxFiles):
    (tmp_path / "file").touch()
    files = IdxFiles(tmp_path / "file" / "MNIST" / "raw", "MNIST", small.sha256)
    with pytest.raises(OSError, match="Not a directory"):
        files.download()


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
