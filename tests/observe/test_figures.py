import numpy as np
import pytest
import torch

from cnnlab.observe.figures import draw_confusion, draw_filters, draw_mistakes
from cnnlab.observe.predictions import Mistakes

CLASSES = ["zero", "one", "two"]


def test_the_confusion_figure_shows_every_count_that_is_not_zero():
    counts = torch.tensor([[90, 0, 2], [1, 95, 0], [0, 3, 80]])
    (axes,) = draw_confusion(counts, CLASSES).axes
    shown = {(int(text.get_position()[1]), int(text.get_position()[0])): int(text.get_text()) for text in axes.texts}
    assert shown == {(row, column): int(counts[row, column]) for row, column in counts.nonzero().tolist()}
    assert axes.get_title() == "6 of 271 test images wrong"
    assert [label.get_text() for label in axes.get_yticklabels()] == CLASSES


def test_the_confusion_figure_grows_with_many_classes():
    few, many = (draw_confusion(torch.eye(num).long(), ["name"] * num).get_size_inches() for num in (10, 60))
    assert few.tolist() == pytest.approx([7, 6.4])
    assert many[1] / 60 == pytest.approx(0.3)


def tile(axes, row: int, column: int, height: int, width: int) -> torch.Tensor:
    """What is drawn there: tiles are the runs of pixels between the gaps, which are masked."""
    drawn = axes.images[0].get_array()
    rows = np.flatnonzero(~drawn.mask[:, 0])
    columns = np.flatnonzero(~drawn.mask[rows[0]])
    top, left = rows[row * height], columns[column * width]
    return torch.from_numpy(drawn.data[top : top + height, left : left + width])


def test_each_mistake_shows_its_own_image_and_classes():
    images, labels = torch.rand(5, 1, 28, 28), torch.tensor([0, 1, 2, 0, 1])
    mistakes = Mistakes(torch.tensor([4, 2]), torch.tensor([0, 1]), torch.tensor([0.99, 0.6]))
    (axes,) = draw_mistakes(images, labels, mistakes, CLASSES).axes
    first, second = sorted(axes.texts, key=lambda text: text.get_position()[0])
    assert first.get_text() == "one, not zero\n99% sure"
    assert second.get_text() == "two, not one\n60% sure"
    assert torch.equal(tile(axes, 0, 0, 28, 28), images[4, 0])
    assert torch.equal(tile(axes, 0, 1, 28, 28), images[2, 0])


def test_mistakes_need_not_be_square_and_of_several_channels_the_mean_is_drawn():
    images, labels = torch.rand(2, 3, 20, 28), torch.tensor([0, 1])
    mistakes = Mistakes(torch.tensor([1, 0]), torch.tensor([2, 1]), torch.tensor([0.99, 0.6]))
    (axes,) = draw_mistakes(images, labels, mistakes, CLASSES).axes
    torch.testing.assert_close(tile(axes, 0, 0, 20, 28), images[1].sum(0) / 3)
    torch.testing.assert_close(tile(axes, 0, 1, 20, 28), images[0].sum(0) / 3)


def test_filters_need_not_be_square():
    weights = torch.randn(7, 20, 28)
    (axes,) = draw_filters(weights).axes
    for number, weight in enumerate(weights):
        assert torch.equal(tile(axes, *divmod(number, 5), 20, 28), weight)
    assert axes.figure.get_suptitle().startswith("First layer, 20×28 weights")


def test_filters_share_one_symmetric_scale():
    weights = torch.randn(10, 5, 5)
    (axes,) = draw_filters(weights).axes
    for number, weight in enumerate(weights):
        assert torch.equal(tile(axes, *divmod(number, 5), 5, 5), weight)
    bound = weights.abs().max().item()
    assert axes.images[0].get_clim() == (-bound, bound)


def test_nothing_to_draw_is_drawn():
    empty = Mistakes(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    assert draw_mistakes(torch.rand(1, 1, 28, 28), torch.tensor([0]), empty, CLASSES).axes
    assert draw_filters(torch.zeros(1, 5, 5)).axes
