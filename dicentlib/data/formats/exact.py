"""Numbers on their way through text without losing a digit."""

from decimal import Decimal, DecimalException, localcontext

from dicentlib.errors import InputError

HALF = Decimal("0.5")
DIGITS = 70  # of numbers as written
DECIMALS = 50  # of positions as read


def to_corner_origin(position, side=1):
    """A position counted from pixel centres as text counted from the image's edge.

    Parameters
    ----------
    position : float
        0 is the centre of the first pixel.
    side : int
        Divisor: 1 for pixels, the image's side for shares of it.

    Returns
    -------
    str
        (position + 0.5) / side, with as many digits as :func:`from_corner_origin` needs to give
        `position` again.

    Examples
    --------
    >>> to_corner_origin(9.5, 40)
    '0.25'
    """
    short = repr((position + 0.5) / side)
    if from_corner_origin(short, side) == position:
        return short
    with localcontext(prec=DIGITS):
        return format((Decimal(repr(position)) + HALF) / side, "f")


def from_corner_origin(text, side=1):
    """The position that :func:`to_corner_origin` wrote; within half a pixel of the edge, 0.

    Raises
    ------
    InputError
        The text is not a finite number.
    """
    try:
        with localcontext(prec=DIGITS):
            position = Decimal(text) * side - HALF
            if not position.is_finite() or abs(position) > 10**9:
                raise InputError(f"position {str(text)[:40]!r}; allowed: a number within the image")
            position = round(position, DECIMALS)
    except DecimalException as error:
        raise InputError(f"position {str(text)[:40]!r}; allowed: a number") from error
    return 0.0 if -HALF <= position < 0 else float(position)
