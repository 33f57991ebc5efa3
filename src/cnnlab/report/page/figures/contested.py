"""The test images that the runs disagree on most."""

import math

import numpy as np
from matplotlib.figure import Figure

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, shortened
from cnnlab.report.page.figures.style import INK, MUTED, styled

MAX_IMAGES = 12
TILE, GAP, CAPTION = 1.1, 0.25, 0.55  # inches


@styled
def draw_contested(content: Content, width_inches: float) -> Figure | None:
    """Pictures of the most contested test images, each with its class and the share of runs that see it so.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    images = [image for image in (content["disagreement"] or {}).get("contested", []) if image["pixels"]][:MAX_IMAGES]
    if not images:
        return None
    texts = Texts(content["language"])
    columns = min(6 if width_inches > 6 else 3, len(images))
    rows = math.ceil(len(images) / columns)
    width = max(0.15 + columns * (TILE + GAP), 3.0)
    height = rows * (TILE + CAPTION) + 0.05
    figure = Figure(figsize=(width, height))
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        x, y = 0.1 + column * (TILE + GAP), height - (row + 1) * (TILE + CAPTION) + CAPTION - 0.05
        axes = figure.add_axes((x / width, y / height, TILE / width, TILE / height))
        axes.imshow(np.array(image["pixels"], dtype=np.uint8), cmap="gray_r", vmin=0, vmax=255, interpolation="none")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
        label = shortened(str(image["label"]), 14)
        if len(label) <= 4:  # of a longer name, the table has the number
            label = texts("contested_label", label=label, index=str(image["index"]))
        figure.text(x / width, (y - 0.04) / height, label, va="top", color=INK)
        share = texts("contested_share", share=f"{100 * image['share_correct']:.0f}")
        figure.text(x / width, (y - 0.2) / height, share, va="top", color=MUTED, fontsize=8.5)
    return figure
