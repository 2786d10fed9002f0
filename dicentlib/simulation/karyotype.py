"""The human karyotype: relative lengths and centromere positions of the chromosomes."""

import pandas as pd

# Relative length (% of the haploid autosome length) and centromere index (short arm / length, %):
# Paris Conference 1971, as tabulated in the International System for Human Cytogenetic
# Nomenclature (ISCN).
_TABLE = """
1 8.44 48.36
2 8.02 39.23
3 6.83 46.95
4 6.30 29.07
5 6.08 29.25
6 5.90 39.05
7 5.36 39.05
8 4.93 34.08
9 4.80 35.43
10 4.59 33.95
11 4.61 40.14
12 4.66 30.16
13 3.74 17.08
14 3.56 18.74
15 3.46 20.30
16 3.36 41.33
17 3.25 33.86
18 2.93 30.93
19 2.67 46.54
20 2.56 45.45
21 1.90 30.89
22 2.04 30.48
X 5.12 40.12
Y 2.15 27.17
"""
# Heterochromatin of the long arm that can show as a secondary constriction (1q12, 9q12, 16q11.2):
# its middle, in % of the length as above; distances from the centromere are those of GRCh37.
SECONDARY_CONSTRICTION_PERCENT = {"1": 51.9, "9": 41.5, "16": 47.9}
ACROCENTRIC = frozenset({"13", "14", "15", "21", "22"})
_ROWS = [line.split() for line in _TABLE.strip().splitlines()]
LENGTH_PERCENT = {name: float(length) for name, length, _ in _ROWS}
CENTROMERE_PERCENT = {name: float(index) for name, _, index in _ROWS}


def chromosome_table():
    """Relative length and centromere index of the 24 human chromosomes.

    Returns
    -------
    pandas.DataFrame
        Columns ``chromosome`` ("1".."22", "X", "Y"), ``length_percent`` (of the haploid
        autosome length: the 22 autosomes add up to 100), ``centromere_percent`` (short arm
        as a share of the whole length) and ``acrocentric``.

    Notes
    -----
    Paris Conference (1971), as tabulated in ISCN.

    Examples
    --------
    >>> round(chromosome_table()["length_percent"][:22].sum())
    100
    """
    return pd.DataFrame(
        {
            "chromosome": list(LENGTH_PERCENT),
            "length_percent": list(LENGTH_PERCENT.values()),
            "centromere_percent": list(CENTROMERE_PERCENT.values()),
            "acrocentric": [name in ACROCENTRIC for name in LENGTH_PERCENT],
        }
    )


def diploid_set(sex):
    """Names of the 46 chromosomes of a cell: two of each autosome and XX or XY.

    Parameters
    ----------
    sex : {"female", "male"}

    Examples
    --------
    >>> len(diploid_set("male")), diploid_set("male")[-2:]
    (46, ['X', 'Y'])
    """
    autosomes = [name for name in LENGTH_PERCENT if name not in "XY" for _ in range(2)]
    return autosomes + (["X", "X"] if sex == "female" else ["X", "Y"])
