"""The route of a laboratory for many people at once: one row each."""

import pandas as pd

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.dose.low_dose import checked_control
from dicentlib.dose.route import Route, laboratory_route
from dicentlib.dose.table import named_samples, read_curve
from dicentlib.dose.triage import estimate_row
from dicentlib.errors import InputError

COLUMNS = (
    *("sample", "conclusion", "n_cells", "n_dicentrics", "yield", "u", "dispersion_p", "size"),
    *("above_background", "partial_by", "method", "dose_gy", "lower_gy", "upper_gy"),
    *("fraction", "fraction_lower", "fraction_upper"),
    *("whole_body_gy", "whole_body_lower_gy", "whole_body_upper_gy"),
    *("category", "most_probable"),
)


def route_table(samples, curve=None, **options):
    """Follow :func:`dicentlib.dose.laboratory_route` for every sample of a table.

    Parameters
    ----------
    samples : path-like, DataFrame or dict
        A table of counts as for :func:`dicentlib.calibration.read_counts`, what it returned, or
        names and cells with 0, 1, 2 ... dicentrics; or names and routes, followed already.
    curve : CalibrationCurve, path-like or str
        A curve, its file, calibration counts to fit one to (with C0, C1 ... their dispersion is
        judged too), or the name of a published curve. Not needed for routes.
    **options
        Of :func:`dicentlib.dose.laboratory_route`, the same for all.

    Returns
    -------
    DataFrame
        Highest dose first, samples without a dose before all. The dose to report with its limits
        (``dose_gy``, of the exposed part where ``partial_by`` is "dispersion" or "history"), the
        exposed ``fraction`` of the body, the whole-body dose, the conclusion in words, the triage
        category with the probability of each, and the ``reservations``: what is wrong or could
        hide. Doses of a sample that is not ``above_background`` are upper limits.

    Raises
    ------
    InputError
        Counts or curve cannot be read, or an option is unknown. A sample that cannot be estimated
        is a row with the reason.

    Examples
    --------
    >>> table = route_table({"A": [302, 28, 22, 8, 1], "B": [498, 2]}, "barquinero-1995-co60")
    >>> table[["sample", "above_background", "category"]].to_numpy().tolist()
    [['A', True, 'red, > 2 Gy'], ['B', False, 'green, < 1 Gy']]
    """
    if isinstance(samples, dict) and all(isinstance(one, Route) for one in samples.values()):
        rows = [route_row(name, route) for name, route in samples.items()]
    else:
        known = curve if isinstance(curve, CalibrationCurve) else read_curve(curve)
        unknown = sorted(set(options) - set(laboratory_route.__kwdefaults__))
        if unknown:
            raise InputError(f"route_table has no option {', '.join(unknown)}")
        known.protracted(options.get("protraction", 1.0))
        if options.get("control") is not None:
            checked_control(options["control"])
        rows = []
        for name, given, note in named_samples(samples):
            try:
                route = laboratory_route(curve=known, **given, **options)
            except InputError as error:
                counted = {key: given.get(key) for key in ("n_cells", "n_dicentrics")}
                reason = {"conclusion": f"Not estimated: {error}.", "reservations": f"{error}."}
                rows.append({"sample": name, **counted, **reason})
                continue
            row = route_row(name, route)
            rows.append(row | {"reservations": " ".join([row["reservations"], *note]).strip()})
    found = pd.DataFrame(rows)
    last = [c for c in found.columns if c not in (*COLUMNS, "reservations")]
    found = found.reindex(columns=[*COLUMNS, *last, "reservations"])
    return found.sort_values("dose_gy", ascending=False, na_position="first", ignore_index=True)


def shown_columns(table):
    """Columns of a table of doses that fit a screen: no sentences, no facts given in them."""
    longer = {"conclusion", "warnings", "size", "above_background", "yield", "most_probable"}
    longer |= {name for name in table if name.startswith(("whole_body", "fraction_"))}
    return [name for name in table if name not in longer]


def route_row(name, route):
    """What :func:`route_table` says of one sample, as a dict."""
    whole, part = route.whole_body, route.partial_body if route.partial_by else None
    row = estimate_row(name, route.estimate, route.triage["multibiodose"])
    facts = ("conclusion", "dispersion_p", "size", "above_background", "partial_by")
    row |= {fact: getattr(route, fact) for fact in facts}
    fractions = ("fraction", "fraction_lower", "fraction_upper")
    row |= {fraction: getattr(part, fraction, None) for fraction in fractions}
    return row | {
        "whole_body_gy": whole.dose_gy,
        "whole_body_lower_gy": whole.lower_gy,
        "whole_body_upper_gy": whole.upper_gy,
        "reservations": " ".join(reservations(route)),
    }


def reservations(route):
    """What has to be known before the dose of a route is used, as sentences."""
    found = []
    if route.size != "reference":
        found.append(f"{route.steps[0].finding} {route.steps[0].consequence}")
    if route.rogue_cell is not None:
        found.append(
            f"A single cell has {route.rogue_cell.n_dicentrics} dicentrics, a possible rogue cell."
        )
    if route.dispersion is None:
        found.append("Only the sums are known: partial-body exposure could not be looked for.")
    if route.hidden is not None:
        found.append(route.hidden.explain())
    return [*found, *route.warnings]
