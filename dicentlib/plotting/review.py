"""Crops of detections: one at a time for the review gallery, or a contact sheet on paper."""

import cv2
import matplotlib.pyplot as plt
import numpy as np

from dicentlib.data.crops import crop
from dicentlib.plotting.style import CLASS_COLOURS
from dicentlib.plotting.tiles import plot_tiles, tile_grid

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
    fig, axs = tile_grid(
        len(detections), n_columns=n_columns, tile_size=(1.25, 1.5), extra_height=0.5
    )
    records = detections.to_dict("records")
    crops = (crop(images(r["image"]), r["row"], r["col"], side_px=size_px) for r in records)
    titles, colours = range(1, len(records) + 1), ["0.6"] * len(records)
    if votes:
        titles = [f"{found['vote_fraction']:.0%} of votes" for found in records]
        colours = [CLASS_COLOURS[found["class"]] for found in records]
    plot_tiles(crops, titles, colours, axs=axs)
    shown = [name for name in CLASS_COLOURS if votes and name in set(detections["class"])]
    handles = [plt.Line2D([], [], color=CLASS_COLOURS[name], linewidth=3) for name in shown]
    if handles:
        fig.legend(handles, shown, loc="outside lower center", ncols=len(shown))
    return fig
