"""What a laboratory asks of its first day, checked before anything runs."""

from dicentlib.counts.checked import number
from dicentlib.dose.whole_body import FARTHEST_GY
from dicentlib.own_slides.blind_read import MAXIMUM, MINIMUM
from dicentlib.own_slides.demand import check_demand


def check_asked(*, demand, demanded, detect_gy, width_at_gy, half_width_gy, n_read, seed, name=str):
    """Refuse a value that a later step could not use.

    Parameters
    ----------
    demand, demanded
        See :func:`dicentlib.own_slides.demand.choose_agreement`.
    detect_gy, width_at_gy, half_width_gy : float
        Above 0 and below 100 Gy, see :func:`dicentlib.planning.planning_table`.
    n_read : int, 10 to 400
    seed : int, 0 or more
    name : callable
        From the name of a parameter to what the caller calls it, for the message.

    Raises
    ------
    InputError
        Naming the parameter, its value and what is allowed.
    """
    check_demand(demand, demanded, name=name)
    doses = {"detect_gy": detect_gy, "width_at_gy": width_at_gy, "half_width_gy": half_width_gy}
    for parameter, dose in doses.items():
        number(name(parameter), dose, least=0, most=FARTHEST_GY, open_ends=True, unit=" Gy")
    number(name("n_read"), n_read, least=MINIMUM, most=MAXIMUM)
    number(name("seed"), seed, least=0)
