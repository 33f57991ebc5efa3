"""How small an image a network takes."""

from collections.abc import Sequence

from cnnlab.errors import UserError


def check_image_size(network: str, image_shape: Sequence[int], smallest: int) -> None:
    """Refuses images of which a network's convolutions and poolings would leave no pixel.

    Args:
        network: Its name, for the message.
        image_shape: Channels, height and width.
        smallest: The least height and width that it takes, in pixels.

    Raises:
        UserError: If the height or the width is smaller.
    """
    _, height, width = image_shape
    if min(height, width) < smallest:
        raise UserError(
            f"image_shape={list(image_shape)} is too small for {network}: it takes images from {smallest}×{smallest} "
            "pixels up; choose another model, or a data set with larger images"
        )
