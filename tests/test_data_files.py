"""The files of a data set, as they lie there."""

import gzip
import time
from pathlib import Path

from cnnlab.data_files import find_files, gunzip, in_folder


def test_gzip_is_read_with_all_its_members_as_far_as_it_is_whole_and_no_further_than_allowed():
    members = gzip.compress(b"first ") + gzip.compress(b"second")
    assert gunzip(members, 100) == b"first second"
    assert gunzip(members, 8) == b"first se"
    assert gunzip(members[:-20] + b"damaged", 100).startswith(b"first ")
    assert gunzip(b"not gzip", 100) == b""
    assert len(gunzip(gzip.compress(bytes(1_000_000)), 1000)) == 1000  # a small file cannot fill the memory


def test_gzip_of_many_members_takes_no_longer_than_its_length():
    members = gzip.compress(b"") * 100_000  # each end of one copied all that follows: 4 s, and 2 h for a file of 47 MB
    start = time.process_time()
    assert gunzip(members + gzip.compress(b"last"), 100) == b"last"
    assert time.process_time() - start < 2


def test_a_file_is_found_by_each_of_its_names(tmp_path: Path):
    name = "a-idx1-ubyte"
    places = (name, f"{name}.gz", f"{name}/{name}", "a.idx1-ubyte", "a.idx1-ubyte.gz")
    for number, place in enumerate(places):
        path = tmp_path / str(number) / place
        path.parent.mkdir(parents=True)
        path.touch()
        assert in_folder(tmp_path / str(number), {name: ""}) == {name: path}
    assert find_files(tmp_path / "nothing", "MNIST", {name: ""}) == {}
