import hashlib
from pathlib import Path

import pytest

from cnnlab.data.source import check_sha256
from cnnlab.errors import UserError


def test_the_published_content_passes_and_any_other_is_refused_with_both_hashes():
    expected = hashlib.sha256(b"digits").hexdigest()
    check_sha256(Path("file"), b"digits", expected)
    with pytest.raises(UserError) as error:
        check_sha256(Path("some/file"), b"digit5", expected)
    found = hashlib.sha256(b"digit5").hexdigest()
    assert str(error.value) == (
        f"some/file is damaged or not the published file: its content has SHA-256 {found}, expected {expected}; "
        "replace it, or delete it to download it again"
    )
