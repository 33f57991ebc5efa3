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


def test_each_mistake_shows_its_own_image_and_classes():
    images, labels = torch.rand(5, 1, 28, 28), torch.tensor([0, 1, 2, 0, 1])
    mistakes = Mistakes(torch.tensor([4, 2]), torch.tensor([0, 1]), torch.tensor([0.99, 0.6]))
    first, second, *_ = draw_mistakes(images, labels, mistakes, CLASSES).axes
    assert first.get_title() == "one, not zero\n99% sure"
    assert second.get_title() == "two, not one\n60% sure"
    assert torch.equal(torch.tensor(first.images[0].get_array()), images[4, 0])


def test_filters_share_one_symmetric_scale():
    weights = torch.randn(10, 5, 5)
    figure = draw_filters(weights)
    drawn = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(drawn) == 10
    bound = weights.abs().max().item()
    assert {image.get_clim() for image in drawn} == {(-bound, bound)}


def test_nothing_to_draw_is_drawn():
    empty = Mistakes(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    assert draw_mistakes(torch.rand(1, 1, 28, 28), torch.tensor([0]), empty, CLASSES).axes
    assert draw_filters(torch.zeros(1, 5, 5)).axes
