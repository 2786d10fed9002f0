"""Which members can be followed from epoch to epoch: one architecture, one per epoch."""

from collections import Counter
from itertools import pairwise

from dicentlib.ensemble import member_paths, read_member_metadata
from dicentlib.errors import InputError


def select_members(members, *, epochs=None):
    """Members whose features can be compared, in the order of their epochs.

    Only headers are read. Members of another architecture or scale than most (feature volumes
    of another width, for example) are left out, and said so.

    Parameters
    ----------
    members : path-like or sequence of path-like
        As for ``ensemble.load_members``.
    epochs : sequence of int, optional
        Only these; all by default.

    Returns
    -------
    paths : list of Path
    messages : list of str
        One sentence for each member left out.

    Raises
    ------
    InputError
        An epoch asked for has no member, or two members have the same epoch.
    """
    headers = {path: read_member_metadata(path) for path in member_paths(members)}
    if epochs is not None:
        missing = sorted(set(epochs) - {header["epoch"] for header in headers.values()})
        if missing:
            found = sorted(header["epoch"] for header in headers.values())
            raise InputError(f"no member of epoch {missing[0]}; there are epochs {found}")
        headers = {path: header for path, header in headers.items() if header["epoch"] in epochs}
    kinds = {path: _architecture(header) for path, header in headers.items()}
    # Of two equally common architectures the one of the last member is kept.
    commonest = max(reversed(kinds.values()), key=Counter(kinds.values()).__getitem__)
    messages = [
        f"{path.name}: {kind}; the other members have {commonest}: left out, because feature "
        "volumes of different networks cannot be aligned"
        for path, kind in kinds.items()
        if kind != commonest
    ]
    paths = sorted(
        (path for path, kind in kinds.items() if kind == commonest),
        key=lambda path: headers[path]["epoch"],
    )
    for before, path in pairwise(paths):
        if headers[before]["epoch"] == headers[path]["epoch"]:
            raise InputError(
                f"{path} and {before.name} are both of epoch {headers[path]['epoch']}; "
                "trajectories need members of one training, one per epoch"
            )
    return paths, messages


def _architecture(header):
    channels = " and ".join(map(str, header["decoder_channels"]))
    return (
        f"encoder {header['encoder']}, decoder channels {channels}, "
        f"{header['pixel_size_um']} um per pixel"
    )
