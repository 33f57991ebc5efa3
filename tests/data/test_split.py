import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data import evenly_spaced, stratified_split
from cnnlab.errors import UserError


@given(data=st.data(), labels=st.lists(st.integers(0, 4), min_size=2, max_size=200), split_seed=st.integers(0, 5))
def test_each_class_gives_its_share(data: st.DataObject, labels: list[int], split_seed: int):
    num_held_out = data.draw(st.integers(0, len(labels) - 1))
    targets = torch.tensor(labels)
    rest, held_out = stratified_split(targets, num_held_out, split_seed)

    assert len(held_out) == num_held_out
    assert torch.equal(torch.cat([rest, held_out]).sort().values, torch.arange(len(labels)))
    for label in targets.unique():
        share = (targets == label).sum().item() * num_held_out / len(labels)
        assert abs((targets[held_out] == label).sum().item() - share) < 1


def test_it_is_a_function_of_the_split_seed_alone():
    labels = torch.arange(1000) % 10
    torch.manual_seed(1)
    first = stratified_split(labels, 100, split_seed=0)[1]
    torch.manual_seed(2)
    assert torch.equal(first, stratified_split(labels, 100, split_seed=0)[1])
    assert not torch.equal(first, stratified_split(labels, 100, split_seed=1)[1])


@pytest.mark.parametrize("num", [-1, 10, 11])
def test_a_split_that_leaves_nothing_is_refused(num: int):
    with pytest.raises(UserError, match=rf"cannot hold out {num} of 10 images; it must be from 0 to 9"):
        stratified_split(torch.zeros(10, dtype=torch.int64), num, split_seed=0)


def test_a_sample_is_evenly_spaced_and_never_larger_than_the_data():
    images = torch.arange(10)
    assert evenly_spaced(images, 3).tolist() == [0, 3, 6]
    assert evenly_spaced(images, 7).tolist() == [0, 1, 2, 4, 5, 7, 8]
    assert evenly_spaced(images, 20).tolist() == list(range(10))
