r"""A blind read: a reviewer judges a sample of detections, precision and recall follow.

Candidates of one class fall into strata by their votes: *certain* (all members), *uncertain*
(called, not by all), *near miss* (votes, but not called) and *no vote* (chromosomes at which no
member voted). A few of each are shown in random order, without votes or class. Each stratum is
estimated from its own answers, so that what is sampled often does not count more:

.. math::

    \text{precision} = \frac{T_c}{\Lambda_c}, \qquad
    \text{recall} = \frac{T_c}{T_c + T_m}, \qquad
    T = \sum_h \lambda_h \theta_h, \quad \Lambda = \sum_h \lambda_h

.. math::

    \theta_h \sim \mathrm{Beta}(a_h + k_h,\, b_h + n_h - k_h), \qquad
    \lambda_h \sim \mathrm{Gamma}(N_h + 1/2,\, 1)

with :math:`k_h` of :math:`n_h` answers "yes" among the :math:`N_h` objects of a stratum, over the
called (c) and the other (m) strata. The intervals are for slides like these, not for these cells
alone: the number of objects of a stratum would differ too in other cells. Slides take turns in the
sample, so over all slides each answer counts by the objects that it speaks for: with
:math:`N_{hs}` objects and :math:`n_{hs}` answers of slide :math:`s`, its weight is
:math:`w = N_{hs} / n_{hs}`, and the answers of a stratum count as
:math:`n_h = (\sum w)^2 / \sum w^2` with a share :math:`k_h / n_h = \sum w y / \sum w` of "yes"
(Kish, *Survey Sampling*, 1965; stratified sampling:
Cochran, *Sampling Techniques*, 1977, ch. 5; conjugate posteriors: Gelman et al., *Bayesian Data
Analysis*, 2013, ch. 2).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dicentlib.errors import InputError
from dicentlib.review import ACCEPTED, UNDECIDED

STRATA = ("certain", "uncertain", "near miss", "no vote")
CALLED = ("certain", "uncertain")
SHARES = {"certain": 0.2, "uncertain": 0.3, "near miss": 0.3, "no vote": 0.2}
JEFFREYS = 0.5
N_DRAWS = 40_000
NEAR_UM = 1.8  # a chromosome's width: a point so near is the same object
MINIMUM, MAXIMUM = 10, 400  # objects to be read


@dataclass(frozen=True)
class BlindEstimate:
    """Precision, recall and false detections per 1000 cells, each (median, lower, upper)."""

    precision: tuple
    recall: tuple
    false_per_thousand: tuple
    n_read: int
    level: float


def assign_strata(candidates, *, agreement_threshold, n_members):
    """Stratum of every candidate, from its votes.

    Parameters
    ----------
    candidates : DataFrame
        Column ``votes``; 0 for a chromosome that no member voted for.
    agreement_threshold : int
        :math:`T_A`; an object is called when its votes are above it.
    n_members : int

    Returns
    -------
    pandas.Series of str
    """
    votes = candidates["votes"]
    strata = np.select(
        [votes >= n_members, votes > agreement_threshold, votes > 0],
        ["certain", "uncertain", "near miss"],
        "no vote",
    )
    return pd.Series(strata, index=candidates.index)


def draw_sample(candidates, *, n, seed):
    """Choose what the reviewer reads, in random order.

    Parameters
    ----------
    candidates : DataFrame
        Columns ``stratum`` and ``slide``; one row per candidate.
    n : int, 10 to 400
        Objects to read; fewer where there are fewer candidates. A stratum that has fewer than
        its share leaves the rest to the others.
    seed : int

    Returns
    -------
    DataFrame
        Rows of `candidates`, spread over the slides within each stratum.

    Raises
    ------
    InputError
        `n` is not allowed, or there is no candidate.
    """
    if not MINIMUM <= n <= MAXIMUM:
        raise InputError(f"{n} objects to be read; allowed: {MINIMUM} to {MAXIMUM}")
    if candidates.empty:
        raise InputError("no candidates: there is nothing to be read")
    rng = np.random.default_rng(seed)
    available = candidates["stratum"].value_counts().reindex(STRATA, fill_value=0)
    wanted = _allocate(available.to_numpy(), np.array([SHARES[name] for name in STRATA]), n)
    parts = []
    for name, number in zip(STRATA, wanted, strict=True):
        part = candidates[candidates["stratum"] == name]
        part = part.iloc[rng.permutation(len(part))]
        turn = part.groupby("slide").cumcount()  # slides take turns
        parts.append(part.iloc[np.argsort(turn.to_numpy(), kind="stable")[:number]])
    chosen = pd.concat(parts)
    return chosen.iloc[rng.permutation(len(chosen))].reset_index(drop=True)


def without_votes(sample):
    """The sample as the reviewer may see it: the order stays, the votes are not shown."""
    return sample.assign(votes=0, vote_fraction=0.0, peak_mean=0.0)


def answers_of(sample, state, annotations, *, candidates, pixel_size_um):
    """Answers of the reviewer; annotations, if there are any, answer for all other candidates.

    "Accept" is yes; "reject" and the other class are no.

    Parameters
    ----------
    sample : DataFrame
        Of :func:`draw_sample`.
    state : dicentlib.review.ReviewState
        Over ``without_votes(sample)``.
    annotations : DataFrame or None
        ``image, class, row, col`` of all images.
    candidates : DataFrame
        All candidates, those of the sample among them: annotations know them all.
    pixel_size_um : float or pandas.Series
        Of all images, or by the image's name.

    Returns
    -------
    DataFrame
        Rows of `sample`, with annotations all rows of `candidates`, with the boolean column
        ``true``.
    """
    verdicts = zip(state.decisions, state.classes, sample["class"], strict=True)
    yes = [decision == ACCEPTED and judged == shown for decision, judged, shown in verdicts]
    decided = [decision != UNDECIDED for decision in state.decisions]
    answers = sample.assign(true=yes)[np.array(decided, dtype=bool)]
    if annotations is None:
        return answers
    of_class = annotations[annotations["class"].isin(candidates["class"].unique())]
    place = ["image", "row", "col"]
    rest = candidates[~candidates.set_index(place).index.isin(answers.set_index(place).index)]
    by_image = isinstance(pixel_size_um, pd.Series)
    sizes = rest["image"].map(pixel_size_um) if by_image else pixel_size_um
    true = near_any(rest, of_class, cutoff_px=NEAR_UM / sizes)
    return pd.concat([answers, rest.assign(true=true)], ignore_index=True)


def estimates_by_slide(sizes, answers, cells):
    """Estimates over all slides and for each slide that has calls.

    Parameters
    ----------
    sizes : DataFrame
        ``slide, stratum, n``: objects in each stratum of each slide.
    answers : DataFrame
        ``slide, stratum, true``.
    cells : pandas.Series
        Scored cells by slide.

    Returns
    -------
    dict of str to BlindEstimate
        "all slides" first. One slide alone is not repeated.
    """
    total = sizes.groupby("stratum")["n"].sum()
    place = ["slide", "stratum"]
    read = answers.groupby(place)["true"].transform("size")
    objects = answers[place].merge(sizes, on=place, how="left")["n"].to_numpy()
    weighted = answers.assign(weight=objects / read)
    result = {"all slides": estimate(total, weighted, n_cells=int(cells.sum()))}
    if len(cells) > 1:
        for slide, part in sizes.groupby("slide"):
            result[str(slide)] = estimate(
                part.set_index("stratum")["n"],
                answers[answers["slide"] == slide],
                n_cells=int(cells[slide]),
            )
    return result


def _allocate(available, shares, n):
    """Numbers near `shares` of `n`, none above what is available."""
    taken = np.zeros(len(available), int)
    for _ in range(len(available)):
        left = n - taken.sum()
        open_ = taken < available
        if left <= 0 or not open_.any():
            break
        part = np.where(open_, shares, 0)
        extra = np.floor(left * part / part.sum()).astype(int)
        extra[np.argmax(part)] += left - extra.sum()
        taken = np.minimum(taken + extra, available)
    return taken


def estimate(sizes, answers, *, n_cells, level=0.95, seed=0):
    """Precision, recall and false detections from the answers.

    Parameters
    ----------
    sizes : pandas.Series or dict
        Objects in each stratum, by name; absent ones have none.
    answers : DataFrame
        What has been read: ``stratum``, ``true`` (bool) and, where answers speak for different
        numbers of objects, ``weight``. A part of the sample will do: what is left unread widens
        the intervals.
    n_cells : int
        Cells that the candidates come from.
    level : float
        Of the intervals.
    seed : int

    Returns
    -------
    BlindEstimate
        NaN for precision where nothing is called, for recall where nothing can be found.

    Notes
    -----
    The prior of a stratum is Jeffreys', Beta(1/2, 1/2). For chromosomes without a vote it is
    Beta(1/2, b) with a mean of as many missed objects as there are calls: without an answer
    recall is thought to be near one half, and twenty chromosomes that are none change that
    little. To narrow recall, read more of them.
    """
    if n_cells < 1:
        raise InputError(f"{n_cells} cells; allowed: 1 or more")
    rng = np.random.default_rng(seed)
    sizes = pd.Series(sizes, dtype=float).reindex(STRATA, fill_value=0).astype(int)
    n_called = int(sizes[list(CALLED)].sum())
    found, objects = {}, {}
    for name in STRATA:
        size, read = int(sizes[name]), answers[answers["stratum"] == name]
        if len(read) > size:
            raise InputError(f"{len(read)} answers on {size} objects of the stratum {name!r}")
        n, yes = _effective(read)
        a = b = JEFFREYS
        if name == "no vote":
            b = JEFFREYS * max(size / max(n_called, 1) - 1, 1)
        objects[name] = rng.gamma(size + 0.5, 1.0, N_DRAWS)
        found[name] = objects[name] * rng.beta(a + yes, b + n - yes, N_DRAWS)
    called = sum(objects[name] for name in CALLED)
    true = sum(found[name] for name in CALLED)
    missed = sum(found[name] for name in STRATA if name not in CALLED)
    precision = true / called if n_called else np.full(N_DRAWS, np.nan)
    recall = true / (true + missed)
    false = (called - true) * 1000 / n_cells
    return BlindEstimate(
        precision=_interval(precision, level),
        recall=_interval(recall, level),
        false_per_thousand=_interval(false, level),
        n_read=len(answers),
        level=level,
    )


def _effective(read):
    """Effective number of answers, and of those that are "yes"."""
    weights = read["weight"].to_numpy() if "weight" in read else np.ones(len(read))
    if not len(weights):
        return 0.0, 0.0
    n = weights.sum() ** 2 / (weights**2).sum()
    return n, n * np.average(read["true"].to_numpy(float), weights=weights)


def _interval(draws, level):
    known = draws[np.isfinite(draws)]
    if not len(known):
        return (np.nan,) * 3
    tail = (1 - level) / 2
    return tuple(float(q) for q in np.quantile(known, [0.5, tail, 1 - tail]))


def near_any(objects, others, *, cutoff_px):
    """Whether one of the others in the same image lies within the distance of each object.

    Parameters
    ----------
    objects, others : DataFrame
        ``image, row, col`` in pixels of the images.
    cutoff_px : float or pandas.Series
        Of all objects, or of each.

    Returns
    -------
    pandas.Series of bool
    """
    places = {
        image: part[["row", "col"]].to_numpy(float) for image, part in others.groupby("image")
    }
    nearest = [
        np.hypot(*(places.get(image, np.empty((0, 2))) - (row, col)).T).min(initial=np.inf)
        for image, row, col in objects[["image", "row", "col"]].itertuples(index=False)
    ]
    return pd.Series(nearest, index=objects.index, dtype=float) <= cutoff_px
