from typing import Any

import pytest

from cnnlab.lecture import texts
from cnnlab.lecture.page import render
from tests.lecture.page import contents


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A planted lecture's."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = contents.write(tmp_path_factory.mktemp("lecture"), monkeypatch)
    texts.read_texts.cache_clear()
    return made


@pytest.fixture(scope="session")
def page(content: dict[str, Any]) -> str:
    """The planted lecture's page."""
    return render(
        content
        | {
            "network": {"weights": "</script>"},
            "budget": "default",
            "seconds": 524.3,
            "created": "2026-11-27T03:00:00+00:00",
        }
    )
