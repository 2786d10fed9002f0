"""Boxes that are two corners, where a file should have a width and a height."""

from dicentlib.errors import InputError

BEYOND = 1.01  # of the image's side; tools round a box on the border outwards


def refuse_corners(source, boxes, *, expected):
    """Refuse boxes of a file of which one reaches beyond its image and all look like two corners.

    A second corner lies right of and below the first, so that the third and fourth numbers are
    larger than the first and second. True boxes are so in the upper left of an image, where none
    reaches beyond the right or lower border.

    Parameters
    ----------
    source : str
        The message begins with it.
    boxes : list of (place, box, anchor, sides)
        Of every object: where it was found; its four numbers; the share of a box that lies right
        of and below its position, 1 for a corner and 0.5 for a centre; width and height of the
        image in the box's unit, or None.
    expected : str
        The numbers of a box in words.
    """
    if not all(box[2] > box[0] and box[3] > box[1] for _, box, *_ in boxes):
        return
    for place, box, anchor, sides in boxes:
        ends = [box[axis] + anchor * box[axis + 2] for axis in (0, 1)]
        if sides and any(end > BEYOND * side for end, side in zip(ends, sides, strict=True)):
            raise InputError(
                f"{source}, {place}: box {box!r:.60} reaches beyond its image, and in every box "
                "the third and fourth number are the larger ones; are they two corners? expected "
                f"{expected}"
            )
