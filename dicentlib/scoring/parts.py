"""Parts of a folder for any batch system: ``score --shard i/n`` n times, then ``merge`` once."""

from pathlib import Path

from dicentlib.errors import InputError, notice
from dicentlib.files import content_digest, find_model, read_json, write_json
from dicentlib.scoring.drivers import read_part, run_in_process
from dicentlib.scoring.folder import merge_safely
from dicentlib.scoring.plan import plan_scoring

ARGUMENTS = "arguments.json"


def score_part(images, members, *, out, part, n_threads=None, progress=True, **options):
    """Score every n-th shard of a folder, from the i-th; parts may run at the same time.

    Parameters
    ----------
    images, members, out
        See :func:`dicentlib.scoring.score_folder`; `out` is on a disk that all parts share.
    part : str
        ``"i/n"``, i from 1 to n.
    n_threads, progress
        See :func:`dicentlib.scoring.score_folder`.
    **options
        Further arguments of :func:`dicentlib.scoring.plan_scoring`, the same for all parts.

    Returns
    -------
    int
        Number of shards that are complete now.
    """
    chosen = read_part(part)
    plan = plan_scoring(images, members, out=out, **options)
    places = {"images": images, "members": members}
    for name in ("samples", "filter_weights"):
        if options.get(name) is not None:
            places[name] = options[name]
    given = {name: value for name, value in options.items() if value is not None}
    given |= {name: _absolute(place) for name, place in places.items()}
    _require_same(plan.out / ARGUMENTS, given, n_parts=chosen[1])
    write_json(plan.out / ARGUMENTS, given)
    return len(run_in_process(plan, part=chosen, n_threads=n_threads, progress=progress))


def _require_same(path, given, *, n_parts):
    """Refuse a part that is started otherwise than the others: they would never merge.

    A whole folder replaces what is there; results of other images or members are said.
    """
    if not path.is_file():
        return
    before = read_json(path)
    same = content_digest  # of plain data: a tuple is a list
    changed = [n for n in {**before, **given} if same(before.get(n)) != same(given.get(n))]
    if n_parts == 1:
        for name in {"images", "members"} & set(changed):
            notice(f"{path.parent}: the results there, of the {name} {before[name]}, are replaced")
    elif changed:
        changes = "; ".join(f"{n} {before.get(n)!r}, now {given.get(n)!r}" for n in changed)
        raise InputError(
            f"{path.parent}: the parts there were started with other settings ({changes}); "
            f"start all parts with the same settings, or remove {path.name} to start again"
        )


def _absolute(place):
    if isinstance(place, (list, tuple)):
        return [_absolute(item) for item in place]
    return str(find_model(place).absolute())


def merge_parts(out):
    """Merge what the parts made in the folder `out`.

    Returns
    -------
    dict
        Number of images by status.

    Raises
    ------
    InputError
        No part was ever scored there.
    ScoringError
        A part is not complete.
    """
    path = Path(out) / ARGUMENTS
    if not path.is_file():
        raise InputError(f"{path}: no such file; score the parts into this folder first")
    return merge_safely(plan_scoring(out=out, **read_json(path)))
