"""Random splits of a table of images that keep a donor's or slide's images together."""

import numpy as np

from dicentlib.errors import InputError


def split_table(table, fractions, *, group_by=None, seed):
    """Split the rows of a table at random.

    Parameters
    ----------
    table : DataFrame
    fractions : mapping of name to float
        Shares of the rows; they add up to 1. The paper takes 0.8, 0.1, 0.1.
    group_by : str, optional
        Column, for example ``"donor"`` or ``"slide"``: rows of one value stay together. Shares
        are then met only as closely as the groups' sizes allow.
    seed : int

    Returns
    -------
    dict of name to DataFrame
        Every row is in exactly one part; rows keep their order and index.

    Raises
    ------
    InputError
        Fractions that do not add up to 1, an unknown column, a group without a value, or
        fewer groups than parts.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"image": list("abcdefghij")})
    >>> parts = split_table(table, {"train": 0.8, "validation": 0.1, "test": 0.1}, seed=0)
    >>> {name: len(part) for name, part in parts.items()}
    {'train': 8, 'validation': 1, 'test': 1}
    """
    shares = np.array(list(fractions.values()), float)
    if not len(shares) or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-9:
        raise InputError(f"fractions must be positive and add up to 1, found {dict(fractions)}")
    groups = _groups(table, group_by)
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < len(shares):
        raise InputError(
            f"{len(names)} {group_by or 'row'}s cannot be split into {len(shares)} parts"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    # a group goes where its middle lies along the shares, each part getting at least one
    middles = (np.cumsum(sizes[order]) - sizes[order] / 2) / sizes.sum()
    parts = np.searchsorted(np.cumsum(shares)[:-1], middles)
    for part in range(len(shares)):
        if not (parts == part).any():
            largest = np.bincount(parts, minlength=len(shares)).argmax()
            parts[np.flatnonzero(parts == largest)[-1 if part > largest else 0]] = part
    part_of = dict(zip(names[order], parts, strict=True))
    row_parts = np.array([part_of[group] for group in groups])
    return {name: table[row_parts == part] for part, name in enumerate(fractions)}


def _groups(table, group_by):
    if group_by is None:
        return np.arange(len(table))
    if group_by not in table:
        raise InputError(f"no column {group_by!r}; found: {', '.join(map(str, table.columns))}")
    groups = table[group_by].fillna("").astype(str)
    if (groups == "").any():
        raise InputError(f"{int((groups == '').sum())} of {len(table)} rows have no {group_by}")
    return groups.to_numpy()
