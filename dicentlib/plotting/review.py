"""Crops of detections: one at a time for the review gallery, or a contact sheet on paper."""

import cv2
import matplotlib.pyplot as plt
import numpy as np

from dicentlib.data.crops import crop
from dicentlib.plotting.style import CLASS_COLOURS

FIELD_PX = 80  # side of a crop at the reference pixel size: a large chromosome and its neighbours


def crop_png(image, row, col, *, class_name, size_px=FIELD_PX, shown_px=160):
    """A crop as PNG, enlarged, with corners in the colour of its class.

    Returns
    -------
    bytes
    """
    grey = np.rint(crop(image, row, col, side_px=size_px) * 255).astype(np.uint8)
    grey = cv2.resize(grey, (shown_px, shown_px), interpolation=cv2.INTER_CUBIC)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    colour = CLASS_COLOURS[class_name]
    blue_green_red = tuple(int(colour[start : start + 2], 16) for start in (5, 3, 1))
    low, high, arm = round(shown_px * 0.2), round(shown_px * 0.8), round(shown_px * 0.08)
    for x, y in ((low, low), (high, low), (low, high), (high, high)):
        inward_x, inward_y = (arm if x == low else -arm), (arm if y == low else -arm)
        cv2.line(picture, (x, y), (x + inward_x, y), blue_green_red, 2)
        cv2.line(picture, (x, y), (x, y + inward_y), blue_green_red, 2)
    return cv2.imencode(".png", picture)[1].tobytes()


def plot_contact_sheet(detections, images, *, n_columns=8, size_px=FIELD_PX, votes=True):
    """Crops of detections, in the order of the table.

    Parameters
    ----------
    detections : DataFrame
        ``image, class, row, col, vote_fraction``; every row is drawn, so choose some.
    images : callable
        From an image's name to its array ``(H, W)`` in [0, 1].
    n_columns : int
    size_px : int
        Side of a crop in pixels of the image.
    votes : bool
        Write the share of votes above each crop; without, for a blind read, its number in a grey
        frame that says nothing of a class.

    Returns
    -------
    matplotlib.figure.Figure
        One frame per detection in the colour of its class.
    """
    n_rows = max(1, -(-len(detections) // n_columns))
    fig, axs = plt.subplots(
        n_rows, n_columns, figsize=(1.25 * n_columns, 1.5 * n_rows + 0.5), squeeze=False
    )
    for ax in axs.flat:
        ax.set_axis_off()
    records = detections.to_dict("records")
    for position, (ax, found) in enumerate(zip(axs.flat, records, strict=False)):
        ax.set_axis_on()
        ax.grid(visible=False)
        ax.set(xticks=[], yticks=[])
        part = crop(images(found["image"]), found["row"], found["col"], side_px=size_px)
        ax.imshow(part, cmap="gray", vmin=0, vmax=1)
        title = f"{found['vote_fraction']:.0%} of votes" if votes else str(position + 1)
        ax.set_title(title, fontsize=7)
        for spine in ax.spines.values():
            colour = CLASS_COLOURS[found["class"]] if votes else "0.6"
            spine.set(visible=True, color=colour, linewidth=2)
    shown = [name for name in CLASS_COLOURS if votes and name in set(detections["class"])]
    handles = [plt.Line2D([], [], color=CLASS_COLOURS[name], linewidth=3) for name in shown]
    if handles:
        fig.legend(handles, shown, loc="outside lower center", ncols=len(shown))
    return fig
