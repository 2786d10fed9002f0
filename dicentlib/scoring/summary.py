"""What became of a folder's images, in a few lines of text."""

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.data.scale import ASSUMED, CONFLICT
from dicentlib.scoring.merging import COPY, SAME_PICTURE
from dicentlib.scoring.preparation import SCORED

MOST = 8  # reasons shown of each status


def scoring_summary(table):
    """Lines with the number of images by status and reason, and what was noted of scored ones.

    Parameters
    ----------
    table : DataFrame
        ``sample, status, reason, note, pixel_size_um`` of ``scored_images.parquet``.
    """
    lines = []
    for status, rows in table.groupby("status", sort=False):
        lines.append(f"{len(rows)} {'image' if len(rows) == 1 else 'images'} {status}")
        # numbers differ from image to image; the kind of reason does not
        kinds = rows["reason"].str.replace(r"\d[\d.,]*", "...", regex=True).value_counts()
        kinds = kinds[kinds.index != ""]
        lines += [f"  {n}: {kind}" for kind, n in kinds.head(MOST).items()]
        if len(kinds) > MOST:
            lines.append(f"  {kinds[MOST:].sum()}: {len(kinds) - MOST} other reasons")
    return lines + noted(table)


def noted(table):
    """Sentences on scored images: scales assumed or mixed, copies; empty where there are none."""
    scored = table[table["status"] == SCORED]
    found = []
    n_assumed = int(scored["note"].str.contains(ASSUMED, regex=False).sum())
    if n_assumed:
        found.append(
            f"{n_assumed} of {len(scored)} scored images do not state their pixel size: {ASSUMED} "
            f"{REFERENCE_PIXEL_SIZE_UM:g} um. A wrong scale gives wrong counts; give pixel_size_um."
        )
    for word, are in (
        (COPY, "are copies of others, byte for byte"),
        (SAME_PICTURE, "show exactly the same picture as another file"),
    ):
        if copies := int(scored["note"].str.contains(word, regex=False).sum()):
            found.append(
                f"{copies} of {len(scored)} scored images {are}, and count as separate cells."
            )
    sizes = scored[scored["sample"] != ""].groupby("sample")["pixel_size_um"].agg(["min", "max"])
    mixed = sizes[sizes["max"] > (1 + CONFLICT) * sizes["min"]]
    if len(mixed):
        low, high = mixed.iloc[0]
        found.append(
            f"{len(mixed)} samples have images of several pixel sizes, the first is "
            f"{mixed.index[0]}: {low:.4g} to {high:.4g} um. Each image is used at its own."
        )
    return found
