import json

import pytest

from cnnlab.errors import UserError
from cnnlab.lecture import store
from cnnlab.lecture.study import BUDGETS, Measured, Shown, Study

STUDY = Study("planted", (), lambda _: Measured({}, {}), lambda _data, _words: Shown(), sources=("errors.py",))
MEASURED = Measured({"claim": {"deep": (1.0, 2.0)}}, {"curve": [1.0, None]})


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The study's own module, in a package of its own."""
    path = tmp_path / "package" / "lecture" / "studies" / "planted.py"
    path.parent.mkdir(parents=True)
    (tmp_path / "package" / "errors.py").write_text("ONE = 1\n")
    path.write_text('"""Head."""\n\n\ndef f():\n    """What."""\n    return 1  # why\n')
    monkeypatch.setattr(store, "PACKAGE", tmp_path / "package")
    return path


def test_what_was_saved_is_loaded(tmp_path, module):
    store.save(tmp_path, STUDY, BUDGETS["default"], MEASURED, seconds=1.26)
    found = store.load(tmp_path, STUDY)
    assert found["effects"] == {"claim": {"deep": [1.0, 2.0]}}
    assert found["data"] == MEASURED.data
    assert (found["budget"], found["seconds"], found["study"]) == ("default", 1.3, "planted")
    assert found["sources"] == store.sources_digest(STUDY)


def test_nothing_or_another_schema_is_none(tmp_path):
    assert store.load(tmp_path, STUDY) is None
    (tmp_path / "planted.json").write_text(json.dumps({"schema": 0}))
    assert store.load(tmp_path, STUDY) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"schema": 1, "effects": {}}'])
def test_a_damaged_file_is_one_line_with_what_to_do(tmp_path, text):
    (tmp_path / "planted.json").write_text(text)
    with pytest.raises(UserError, match=r"is damaged .*; remove it, and run make lecture ONLY=planted"):
        store.load(tmp_path, STUDY)


def test_a_number_that_json_does_not_have_is_refused(tmp_path, module):
    with pytest.raises(ValueError, match="JSON"):
        store.save(tmp_path, STUDY, BUDGETS["default"], Measured({}, {"x": float("nan")}), 0)
    assert not (tmp_path / "planted.json").exists()


def test_code_makes_a_result_old_and_comments_do_not(module):
    before = store.sources_digest(STUDY)
    module.write_text('"""Other head."""\n\ndef f():\n    """Other."""\n    # because\n    return 1\n')
    assert store.sources_digest(STUDY) == before
    module.write_text('"""Head."""\n\ndef f():\n    return 2\n')
    assert store.sources_digest(STUDY) != before


def test_the_digest_is_the_same_in_every_version_of_python(module):
    (store.PACKAGE / "errors.py").write_text("def f(*, a=None):\n    return [], f()\n")
    assert store.sources_digest(STUDY) == "9a3f7347798b5cb21c2c8749068765bac330ba1b1358f6cf02048f4656e9a2d4"


def test_a_named_source_makes_a_result_old(module):
    before = store.sources_digest(STUDY)
    (store.PACKAGE / "errors.py").write_text("ONE = 2\n")
    assert store.sources_digest(STUDY) != before
