"""Candidates for a blind read: everything that a member voted for, and chromosomes with no vote."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import ndimage

from dicentlib.conventions import CLASSES
from dicentlib.data import read_image
from dicentlib.errors import InputError
from dicentlib.own_slides.blind_read import NEAR_UM, assign_strata, near_any
from dicentlib.scoring import score_folder, scoring_settings
from dicentlib.segmentation import segment

N_SEGMENTED = 40  # fields whose chromosomes are cut out; enough to draw some from


@dataclass(frozen=True)
class Scan:
    """One scoring at which a single vote is enough, with the shipped thresholds applied after.

    Attributes
    ----------
    detections : pandas.DataFrame
        Every object with a vote, as of :func:`dicentlib.scoring.score_folder`.
    images : pandas.DataFrame
        ``scored_images.parquet``.
    agreement_threshold : dict
        By class; what has more votes is called.
    n_members : int
    """

    detections: pd.DataFrame
    images: pd.DataFrame
    agreement_threshold: dict
    n_members: int

    @property
    def called(self):
        """Detections above the agreement threshold of their class."""
        least = self.detections["class"].map(self.agreement_threshold).astype(float)
        return self.detections[self.detections["votes"] > least].reset_index(drop=True)

    @property
    def scored(self):
        """Images that were scored."""
        return self.images[self.images["status"] == "scored"]


def scan_slides(inventory, members, *, out, **options):
    """Score the images of an inventory once, keeping every object that gets a vote.

    Parameters
    ----------
    inventory : Inventory
    members : path-like
        As for :func:`dicentlib.scoring.score_folder`. Their operating point's confidence
        thresholds vote, its agreement thresholds call.
    out : path-like
        Folder for the results.
    **options
        Of :func:`dicentlib.scoring.score_folder`: ``pixel_size_um`` of images that state none ...

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        No image can be scored; the reasons are counted.
    """
    operating_point = scoring_settings(members).scorer.operating_point
    detections = score_folder(
        inventory.index.folder,
        members,
        out=out,
        confidence_threshold=operating_point.confidence_threshold,
        agreement_threshold=dict.fromkeys(CLASSES, 0),
        samples=inventory.table,
        **options,
    )
    images = pd.read_parquet(f"{out}/scored_images.parquet")
    if not (images["status"] == "scored").any():
        reasons = (images["status"] + ": " + images["reason"]).value_counts().head(3)
        found = "; ".join(f"{n} {reason}" for reason, n in reasons.items())
        raise InputError(f"{inventory.index.folder}: no image could be scored ({found})")
    return Scan(
        detections, images, dict(operating_point.agreement_threshold), operating_point.n_members
    )


def still_there(scan, folder_index):
    """The scan without images that have gone from the folder since it was scored.

    Parameters
    ----------
    scan : Scan
    folder_index : ImageIndex

    Returns
    -------
    scan : Scan
    gone : list of str
        Names of the images that have gone.

    Raises
    ------
    InputError
        All of them have gone.
    """
    gone = [name for name in scan.scored["image"] if not (folder_index.folder / name).is_file()]
    if gone and len(gone) == len(scan.scored):
        raise InputError(f"{folder_index.folder}: all {len(gone)} scored images have gone")
    return replace(
        scan,
        detections=scan.detections[~scan.detections["image"].isin(gone)].reset_index(drop=True),
        images=scan.images[~scan.images["image"].isin(gone)].reset_index(drop=True),
    ), gone


def find_candidates(scan, folder_index, *, seed=0):
    """Candidates of dicentrics with their strata, and the sizes of the strata.

    Parameters
    ----------
    scan : Scan
    folder_index : ImageIndex
        Of the same folder; opens the images.
    seed : int
        Which fields are cut into chromosomes, at most 40.

    Returns
    -------
    candidates : DataFrame
        ``image, class, row, col, votes, vote_fraction, peak_mean, slide, stratum``.
    sizes : DataFrame
        ``slide, stratum, n``: objects in each stratum of each slide, over all scored images;
        those without a vote are extrapolated from the fields that were cut.
    """
    scored = scan.scored
    columns = ["image", "class", "row", "col", "votes", "vote_fraction", "peak_mean"]
    voted = scan.detections.loc[scan.detections["class"] == "dicentric", columns]
    rng = np.random.default_rng(seed)
    chosen = scored.iloc[np.sort(rng.permutation(len(scored))[:N_SEGMENTED])]
    parts = [voted]
    for record in chosen.itertuples():
        found = voted.loc[voted["image"] == record.image, ["row", "col"]].to_numpy(float)
        image, size = read_image(folder_index.path(record.image)), record.pixel_size_um
        centres = unvoted_chromosomes(image, found, pixel_size_um=size)
        unvoted = pd.DataFrame(centres, columns=["row", "col"])
        unvoted[["image", "class"]] = record.image, "dicentric"
        parts.append(unvoted.assign(votes=0, vote_fraction=0.0, peak_mean=0.0))
    candidates = pd.concat([part for part in parts if len(part)] or [voted], ignore_index=True)
    slides = scored.set_index("image")["slide"]
    candidates["slide"] = candidates["image"].map(slides).fillna("")
    least, most = scan.agreement_threshold["dicentric"], scan.n_members
    candidates["stratum"] = assign_strata(candidates, agreement_threshold=least, n_members=most)
    sizes = candidates.groupby(["slide", "stratum"]).size().rename("n").reset_index()
    per_cell = (candidates["votes"] == 0).sum() / max(len(chosen), 1)
    uncut = scored.loc[~scored["image"].isin(chosen["image"]), "slide"].fillna("").value_counts()
    cut = sizes[sizes["stratum"] == "no vote"].set_index("slide")["n"]
    unvoted = cut.add(per_cell * uncut, fill_value=0).round().astype(int)
    unvoted = unvoted.rename("n").rename_axis("slide").reset_index().assign(stratum="no vote")
    sizes = pd.concat([sizes[sizes["stratum"] != "no vote"], unvoted], ignore_index=True)
    return candidates, sizes


def with_annotations(candidates, sizes, annotations, scan):
    """Candidates and sizes of the strata where annotations know every object.

    A dicentric that is annotated where no candidate lies joins them as a chromosome without a
    vote: it was missed, be it in a clump or in a field that was not cut.

    Parameters
    ----------
    candidates, sizes : DataFrame
        Of :func:`find_candidates`.
    annotations : DataFrame or None
        ``image, class, row, col`` of all images. None: the candidates and sizes stay.
    scan : Scan

    Returns
    -------
    candidates, sizes : DataFrame
        As of :func:`find_candidates`; with annotations nothing is extrapolated.
    """
    if annotations is None:
        return candidates, sizes
    known = scan.scored.set_index("image")
    true = annotations[annotations["class"] == "dicentric"]
    true = true[true["image"].isin(known.index)]
    cutoff_px = NEAR_UM / true["image"].map(known["pixel_size_um"])
    missed = true[~near_any(true, candidates, cutoff_px=cutoff_px)]
    missed = missed.assign(
        slide=missed["image"].map(known["slide"]).fillna(""),
        **{"stratum": "no vote", "votes": 0, "vote_fraction": 0.0, "peak_mean": 0.0},
    )[list(candidates.columns)]
    parts = [part for part in (candidates, missed) if len(part)]
    candidates = pd.concat(parts or [candidates], ignore_index=True)
    sizes = candidates.groupby(["slide", "stratum"]).size().rename("n").reset_index()
    return candidates, sizes


def unvoted_chromosomes(image, voted, *, pixel_size_um):
    """Centres of the chromosomes of a field that no vote lies near.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W)
    voted : ndarray, shape (n, 2)
        Positions (row, col) with a vote.
    pixel_size_um : float

    Returns
    -------
    ndarray, shape (m, 2)
    """
    labels = segment(image, pixel_size_um=pixel_size_um).labels
    numbers = np.arange(1, labels.max() + 1)
    centres = np.reshape(ndimage.center_of_mass(labels > 0, labels, numbers), (-1, 2))
    if len(voted) and len(centres):
        gaps = np.hypot(*(centres[:, None] - voted[None]).transpose(2, 0, 1)).min(axis=1)
        centres = centres[gaps > NEAR_UM / pixel_size_um]
    return centres
