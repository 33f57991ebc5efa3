import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data import EpochShuffle, ResidentBatches, ShuffledBatches
from cnnlab.data.batches import FixedOrder


def content(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(num, dtype=torch.float32).view(-1, 1, 1, 1), torch.arange(num)


def shuffled(num: int, batch_size: int, epoch: int = 0, rank: int = 0, world_size: int = 1) -> ShuffledBatches:
    batches = ShuffledBatches(*content(num), batch_size, EpochShuffle(7, num), rank, world_size)
    batches.sampler.set_epoch(epoch)
    return batches


def labels_of(batches: ResidentBatches) -> list[list[int]]:
    return [labels.tolist() for _, labels in batches]


@given(num=st.integers(1, 60), batch_size=st.integers(1, 20), world_size=st.integers(1, 4))
def test_an_evaluation_sees_each_image_once_over_all_processes(num: int, batch_size: int, world_size: int):
    seen = []
    for rank in range(world_size):
        batches = ResidentBatches(*content(num), batch_size, rank, world_size)
        lists = labels_of(batches)
        assert len(lists) == len(batches)
        seen += [label for labels in lists for label in labels]
    assert sorted(seen) == list(range(num))


@given(num=st.integers(4, 60), batch_size=st.integers(1, 20), world_size=st.integers(1, 4))
def test_training_gives_each_process_as_many_images_and_leaves_none_out(num: int, batch_size: int, world_size: int):
    parts = [labels_of(shuffled(num, batch_size, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert len({tuple(map(len, part)) for part in parts}) == 1
    assert len(parts[0]) == len(shuffled(num, batch_size, world_size=world_size))
    seen = [label for part in parts for labels in part for label in labels]
    assert set(seen) == set(range(num))
    assert len(seen) < num + world_size


def test_images_and_labels_stay_together():
    for images, labels in shuffled(10, 3):
        assert torch.equal(images.flatten().long(), labels)


def test_the_order_is_a_function_of_seed_and_epoch():
    first = labels_of(shuffled(50, 10, epoch=3))
    torch.manual_seed(99)
    assert labels_of(shuffled(50, 10, epoch=3)) == first
    assert labels_of(shuffled(50, 10, epoch=4)) != first
    assert not torch.equal(EpochShuffle(7, 50).order(), EpochShuffle(8, 50).order())


@given(stop=st.integers(0, 5), epoch=st.integers(0, 2))
def test_a_stopped_pass_resumes_where_it_was(stop: int, epoch: int):
    whole = labels_of(shuffled(50, 10, epoch))
    batches = shuffled(50, 10, epoch)
    iterator = iter(batches)
    before = [next(iterator)[1].tolist() for _ in range(stop)]
    resumed = shuffled(50, 10, epoch)
    resumed.load_state_dict(batches.state_dict() if stop else {"epoch": epoch, "next_batch": 0})
    assert before + labels_of(resumed) == whole
    assert labels_of(resumed) == whole, "only the first pass is shortened"


def test_the_place_in_one_epoch_does_not_shorten_the_next():
    batches = shuffled(50, 10, epoch=1)
    batches.load_state_dict({"epoch": 0, "next_batch": 3})
    assert len(labels_of(batches)) == 5


def test_a_pass_is_a_permutation():
    first, second = (labels_of(shuffled(40, 8, rank=rank, world_size=2)) for rank in range(2))
    assert sorted(label for labels in first + second for label in labels) == list(range(40))


def test_a_fixed_order_is_the_same_in_every_epoch():
    batches = ShuffledBatches(*content(10), 4, FixedOrder(7, 10))
    for epoch in range(2):
        batches.sampler.set_epoch(epoch)
        assert labels_of(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
