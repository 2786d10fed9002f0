"""The orientation tag of TIFF and EXIF: what makes row 0 the top and column 0 the left."""

TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
SWAPPED = (5, 6, 7, 8)  # height and width change places


def turned(values, orientation):
    """An array (H, W) or (H, W, n) as viewers show it; unknown orientations are ignored."""
    return TURNS.get(orientation, lambda a: a)(values)
