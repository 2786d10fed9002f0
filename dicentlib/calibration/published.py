"""Published dose-effect curves of dicentrics, by name.

For comparison and for exercises: a laboratory's dose rests on its own curve, made by its own
scorers (ISO 19238). Where the covariances were not published the curve has standard errors only,
or none, and says so.
"""

from functools import lru_cache

import numpy as np
import pandas as pd

from dicentlib.calibration.curve import CalibrationCurve
from dicentlib.errors import InputError

_COLUMNS = (
    "name",
    "radiation",
    "dose_rate",
    "dose_range_gy",
    "coefficients",
    "standard_errors",
    "reference",
)
_SASAKI = "as compiled by M. S. Sasaki, Kyoto University"
_IAEA = "IAEA EPR-Biodosimetry (2011)"
_ADCI = "ADCI example curve, automated scoring, doi 10.5281/zenodo.3908608"
_MARIA = "Slonecka et al. 2018, doi 10.1007/s00411-018-0764-3"
_LOW = "doi 10.1038/s41598-025-31413-3, table 2"

# name, radiation, dose rate, range in Gy, (C, alpha, beta), their standard errors, reference
_TABLE = (
    ("sasaki-1971-co60", "Co-60", "0.38-0.5 Gy/min", (0.3, 3), (0, 0.00894, 0.06998),
     (0, 0.0081, 0.01032), f"Sasaki 1971, {_SASAKI}"),
    ("sasaki-1978-co60", "Co-60", "0.09-1.52 Gy/min", (0.118, 3.145), (0, 0.01664, 0.05531),
     (0, 0.01129, 0.00467), f"Sasaki 1978/1989, {_SASAKI}"),
    ("sasaki-1978-co60-0.01gyh", "Co-60", "0.01 Gy/h", (0.378, 2.908), (0, 0.01475, 0.05105),
     (0, 0.00585, 0.00227), f"Sasaki 1978/1989 (as printed), {_SASAKI}"),
    ("sasaki-1978-co60-low-rate", "Co-60", "low dose rate", (0.0129, 0.509),
     (0, 0.00551, 0.02874), (0, 0.00331, 0.00826), f"Sasaki 1978/1989, {_SASAKI}"),
    ("bauchinger-1979-co60", "Co-60", "0.5 Gy/min", (0, 2.5), (0, 0.00603, 0.05027),
     (0, 0.00866, 0.00462), f"Bauchinger 1979, {_SASAKI}"),
    ("bauchinger-1979-co60-0.017gymin", "Co-60", "0.017 Gy/min", (0, 3), (0, 0.0252, 0.02959),
     (0, 0.00501, 0.00239), f"Bauchinger 1979, {_SASAKI}"),
    ("bauchinger-1983-co60", "Co-60", "0.5 Gy/min", (0.05, 4), (0, 0.01285, 0.05478),
     (0, 0.00465, 0.00166), f"Bauchinger 1983, {_SASAKI}"),
    ("bauchinger-1983-co60-0.017gymin", "Co-60", "0.017 Gy/min", (0.05, 4),
     (0, 0.01118, 0.04092), (0, 0.00406, 0.00146), f"Bauchinger 1983, {_SASAKI}"),
    ("lloyd-1986-co60", "Co-60", "0.5 Gy/min", (0.25, 3), (0, 0.01833, 0.04729),
     (0, 0.00577, 0.00313), f"Lloyd 1975/1986, {_SASAKI}"),
    ("lloyd-1986-co60-0.18gymin", "Co-60", "0.18 Gy/min", (0.25, 4), (0, 0.01229, 0.03782),
     (0, 0.00609, 0.0025), f"Lloyd 1975/1986, {_SASAKI}"),
    ("lindholm-1998-co60", "Co-60", "2.4 Gy/min", (0, 5), (0, 0.01299, 0.05388),
     (0, 0.00317, 0.00242), f"Lindholm 1998, {_SASAKI}"),
    ("vulpis-1986-co60", "Co-60", "0.5 Gy/min", (0.5, 5), (0, 0.0093, 0.0583),
     (0, 0.0116, 0.005), f"Vulpis 1986, {_SASAKI}"),
    ("iaea-2011-table5-co60", "Co-60", "", (0, 5), (0.00128, 0.02103, 0.06307),
     (0.00047, 0.00516, 0.00401), f"{_IAEA}, table 5"),
    ("iaea-2011-table5-he4", "20 MeV He-4", "", (0, 3.03), (0.00143, 0.3279, 0.02932),
     (0.00093, 0.02875, 0.01636), f"{_IAEA}, table 5"),
    ("iaea-2011-table5-he4-linear", "20 MeV He-4", "", (0, 3.03), (0.00193, 0.3729, 0),
     (0.00097, 0.01787, 0), f"{_IAEA}, table 5; the printed C is not reproducible from its data"),
    ("iaea-2011-table9-co60", "Co-60", "", None, (0.001, 0.0164, 0.0492), None,
     f"{_IAEA}, section 9.7.5.3"),
    ("iaea-2011-eq23-co60", "Co-60", "", None, (0.0005, 0.0164, 0.0492), None,
     f"{_IAEA}, eq. 23"),
    ("iaea-2011-eq22-neutrons", "0.7 MeV fission neutrons", "", None, (0.0005, 0.832, 0), None,
     f"{_IAEA}, eq. 22"),
    ("iaea-2011-eq24-ir192", "Ir-192 case", "", None, (0, 0.0157, 0.05), None, f"{_IAEA}, eq. 24"),
    ("iaea-2011-eq25-ir192-acentrics", "Ir-192 case, excess acentrics", "", None,
     (0, 0.023, 0.039), None, f"{_IAEA}, eq. 25"),
    ("iaea-2011-eq28-co60", "Co-60", "acute", None, (0.001, 0.003, 0.06), None,
     f"{_IAEA}, eq. 28"),
    ("serbia-2014-xrays", "X rays", "", (0, 5), (0.0009, 0.0421, 0.0602),
     (0.0003, 0.0042, 0.0022), "Serbian population 2014, PubMed 25308702"),
    ("slonecka-2018-mixed", "mixed neutrons and gamma, MARIA reactor", "", None,
     (0.001, 0.038, 0.048), (0.0001, 0.004, 0.003), _MARIA),
    ("slonecka-2018-neutrons", "neutrons, MARIA reactor", "", None, (0.0005, 0.354, 0),
     (0.0001, 0.003, 0), _MARIA),
    ("slonecka-2018-co60", "Co-60", "", None, (0.001, 0.012, 0.056), (0.004, 0.003, 0.002),
     _MARIA),
    ("g2-drc-1-l", "0-1 Gy, Giemsa", "", (0, 1), (0.001, 0.0316, 0.0348),
     (0.0003, 0.0078, 0.0106), _LOW),
    ("g2-drc-2-l", "0-1 Gy, Giemsa", "", (0, 1), (0.001, 0.0321, 0.0389),
     (0.0004, 0.0061, 0.008), _LOW),
    ("f2-drc-1-l", "0-1 Gy, centromere FISH", "", (0, 1), (0.0004, 0.0543, 0.0315),
     (0.0002, 0.0089, 0.0121), _LOW),
    ("f2-drc-2-l", "0-1 Gy, centromere FISH", "", (0, 1), (0.0005, 0.0452, 0.0469),
     (0.0002, 0.0052, 0.0071), _LOW),
    ("bouzyk-1993-neutrons", "14.7 MeV neutrons", "", (0.235, 2.7), (0.0003, 0.2589, 0.053),
     (0, 0.009, 0.009), "Bouzyk 1993, Nukleonika 38"),
    ("adci-cnl-automated", "gamma", "", None, (0.089047, 0.015516, 0.013006), None, _ADCI),
)  # fmt: skip

# Curves with their Poisson covariance, refitted from the published counts (Barquinero) or printed
# (IAEA), and the Pearson dispersion of the counts where it exceeds 1 significantly.
_WITH_COVARIANCE = (
    (
        "barquinero-1995-co60",
        (0.001280327717804607, 0.021038669241476574, 0.06303255779692285),
        (
            (2.222135e-07, -9.948681e-07, 4.379764e-07),
            (-9.948681e-07, 2.660089e-05, -1.510488e-05),
            (4.379764e-07, -1.510488e-05, 1.605903e-05),
        ),
        "Barquinero et al. 1995, counts of 11 doses",
        1.0,
    ),
    (
        "barquinero-1997-co60-dicentrics-and-rings",
        (0.00090535, 0.03431428, 0.05701998),
        (
            (9.72643915e-08, -3.83686217e-07, 1.29238515e-07),
            (-3.83686217e-07, 2.35172939e-05, -1.01235702e-05),
            (1.29238515e-07, -1.01235702e-05, 8.85870795e-06),
        ),
        "Barquinero et al. 1997, dicentrics and rings, counts of 11 doses",
        1.97384,
    ),
    (
        "iaea-2011-9.7.3-co60",
        (0.00128, 0.0210, 0.0631),
        (
            (2.22e-07, -9.95e-07, 4.38e-07),
            (-9.95e-07, 2.66e-05, -1.512e-05),
            (4.38e-07, -1.512e-05, 1.61e-05),
        ),
        f"{_IAEA}, section 9.7.3",
        1.0,
    ),
)


@lru_cache(maxsize=1)
def _curves():
    curves = {}
    for name, coefficients, covariance, reference, dispersion in _WITH_COVARIANCE:
        notes = []
        if dispersion > 1:
            notes.append(
                f"Its counts scatter more than by chance (dispersion {dispersion:.3g}, p < 0.05): "
                "its covariance is multiplied by that."
            )
        curves[name] = CalibrationCurve(
            coefficients,
            np.array(covariance) * dispersion,
            name=name,
            reference=reference,
            radiation="Co-60",
            dose_range_gy=(0, 5),
            warnings=notes,
        )
    for row in _TABLE:
        facts = dict(zip(_COLUMNS, row, strict=True))
        coefficients, rate = facts.pop("coefficients"), facts.pop("dose_rate")
        notes = [] if coefficients[0] else ["Its background was not published and is taken as 0."]
        curves[facts["name"]] = CalibrationCurve(
            coefficients,
            None,
            conditions={"dose_rate": rate} if rate else {},
            warnings=notes,
            **facts,
        )
    return curves


def published_curve(name):
    """The published curve `name`; the names are in :func:`published_curves`.

    Examples
    --------
    >>> published_curve("iaea-2011-table5-co60").coefficients.tolist()
    [0.00128, 0.02103, 0.06307]
    """
    if name not in _curves():
        raise InputError(f"no published curve {name!r}: expected one of {', '.join(_curves())}")
    return _curves()[name]


def published_curves():
    """Table of all published curves: name, radiation, range, coefficients, errors, reference."""
    rows = []
    for curve in _curves().values():
        errors = (None,) * 3 if curve.standard_errors is None else curve.standard_errors
        low, high = curve.dose_range_gy or (None, None)
        rows.append(
            {
                "name": curve.name,
                "radiation": curve.radiation,
                "dose_rate": curve.conditions.get("dose_rate", ""),
                "lowest_gy": low,
                "highest_gy": high,
                **dict(zip(("C", "alpha", "beta"), curve.coefficients, strict=True)),
                **dict(zip(("se_C", "se_alpha", "se_beta"), errors, strict=True)),
                "has_covariances": bool(np.count_nonzero(curve.covariance) > 3)
                if curve.covariance is not None
                else False,
                "reference": curve.reference,
            }
        )
    return pd.DataFrame(rows)
