from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cnnlab.lecture.claims import Verdict
from cnnlab.lecture.judge import judge
from cnnlab.lecture.studies.convolution import CLAIMS, EXAMPLES, INPUT, STUDY
from cnnlab.lecture.study import BUDGETS, Workspace
from cnnlab.lecture.texts import Words
from cnnlab.lecture.windows import as_matrix, output_size, slide

GRIDS = st.integers(3, 7).flatmap(lambda size: st.lists(st.integers(-9, 9), min_size=size**2, max_size=size**2))


@pytest.fixture(scope="module")
def measured():
    return STUDY.measure(Workspace(BUDGETS["default"], Path("nowhere")))


@given(GRIDS, st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
@settings(max_examples=50, deadline=None)
def test_products_added_one_by_one_are_torch_s_convolution(numbers, size, stride, padding):
    image = np.array(numbers, dtype=float).reshape(int(len(numbers) ** 0.5), -1)
    kernel = np.arange(size * size, dtype=float).reshape(size, size) - 3
    images, kernels = (torch.as_tensor(each)[None, None] for each in (image, kernel))
    expected = functional.conv2d(images, kernels, stride=stride, padding=padding)[0, 0]
    assert np.array_equal(slide(image, kernel, stride, padding), expected.numpy())


@pytest.mark.parametrize(
    ("arguments", "size"),
    [((5, 3, 1, 0), 3), ((5, 3, 2, 1), 3), ((28, 5), 24), ((24, 2, 2), 12), ((28, 5, 1, 0, 2), 20)],
)
def test_sizes_of_the_lecture(arguments, size):
    assert output_size(*arguments) == size


def test_the_first_worked_example_is_the_lecture_s():
    example = EXAMPLES["stride_1"]
    assert slide(np.array(INPUT, float), np.array(example["kernel"], float)).tolist() == [
        [4, 3, 4],
        [2, 4, 3],
        [2, 3, 4],
    ]


def test_a_convolution_is_a_matrix_of_shared_weights():
    kernel = np.arange(1.0, 10.0).reshape(3, 3)
    matrix = as_matrix(kernel, 5)
    assert matrix.shape == (9, 25)
    assert (matrix != 0).sum() == 81
    image = np.random.default_rng(0).normal(size=(5, 5))
    assert matrix @ image.ravel() == pytest.approx(slide(image, kernel).ravel())


def test_every_claim_holds(measured):
    judgements = judge(CLAIMS, measured.effects, CLAIMS)
    assert {each.verdict for each in judgements} == {Verdict.SUPPORTED}


def test_a_check_that_fails_refutes(measured):
    effects = {**measured.effects, "not_flipped": {name: [0.0] for name in measured.effects["not_flipped"]}}
    verdicts = {each.claim.name: each.verdict for each in judge(CLAIMS, effects, CLAIMS)}
    assert verdicts["not_flipped"] is Verdict.REFUTED


def test_an_odd_shift_breaks_strides_and_pooling(measured):
    assert measured.data["shifts"]["odd"] == {"strided": False, "pooled": False}


def test_fully_connected_layers_would_have_thousands_of_times_the_weights(measured):
    first, second = (each["linear"] / each["convolution"] for each in measured.data["shared"]["layers"])
    assert (round(first), round(second)) == (17391, 367)
    assert torch.nn.Linear(144 * 10, 64 * 20, device="meta").weight.numel() + 64 * 20 == 1_844_480


@pytest.mark.parametrize("language", ["en", "ko"])
def test_everything_shown_has_a_caption(measured, language):
    words = Words("convolution", language)
    shown = STUDY.show(measured.data, words)
    for kind in ("figures", "tables", "widgets"):
        assert set(getattr(shown, kind)) == set(words.texts[kind])
    assert {claim.name for claim in CLAIMS} == set(words.texts["claims"])
    assert {name for claim in CLAIMS for name in claim.conditions} <= set(words.texts["conditions"])
    assert [len(row) for table in shown.tables.values() for row in table.rows] == [
        len(table.head) for table in shown.tables.values() for _ in table.rows
    ]
