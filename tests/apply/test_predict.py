import torch

from cnnlab.apply.predict import probabilities


def test_a_view_shows_background_where_the_image_has_left():
    seen: list[torch.Tensor] = []

    class Recorder(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return images.flatten(1)

    image = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    mean = probabilities(Recorder(), image, shift_px=1, background=-1.0)
    rows = {tuple(map(tuple, view[0, 0].tolist())) for view in seen}
    assert rows == {
        ((1, 2, 3), (4, 5, 6), (7, 8, 9)),
        ((-1, -1, -1), (1, 2, 3), (4, 5, 6)),
        ((4, 5, 6), (7, 8, 9), (-1, -1, -1)),
        ((-1, 1, 2), (-1, 4, 5), (-1, 7, 8)),
        ((2, 3, -1), (5, 6, -1), (8, 9, -1)),
    }
    torch.testing.assert_close(mean, torch.stack([view.flatten(1).softmax(1) for view in seen]).mean(0))
