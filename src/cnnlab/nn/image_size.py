"""The smallest image that a network accepts."""

from collections.abc import Sequence

from cnnlab.errors import UserError


def check_image_size(network: str, image_shape: Sequence[int], smallest: int) -> None:
    """Rejects images that a network's convolutions and poolings would reduce to nothing.

    Args:
        network: Its name, for the message.
        image_shape: Channels, height and width.
        smallest: The smallest height and width that it accepts, in pixels.

    Raises:
        UserError: If the height or the width is smaller.
    """
    _, height, width = image_shape
    if min(height, width) < smallest:
        raise UserError(
            f"image_shape={list(image_shape)} is too small for {network}: it needs at least {smallest}×{smallest} "
            "pixels; choose another model, or a data set with larger images"
        )
