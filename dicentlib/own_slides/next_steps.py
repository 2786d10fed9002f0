"""What follows the page: a curve and doses with the same detector, as commands to be pasted."""

import shlex
from pathlib import Path

from markupsafe import Markup

from dicentlib.ensemble import member_paths
from dicentlib.files import find_model
from dicentlib.runs import notebook_paths
from dicentlib.scoring.plan import operating_point_file

CURVE, DOSES = "06_dose_curve", "07_dose_report"
FEWEST_DOSES = 3  # of a calibration series
REFERENCE_GY = 4.0  # default of 06: the images that its thresholds are taken from
SERIES, SAMPLES = "PATH/TO/YOUR/CALIBRATION/SERIES", "PATH/TO/YOUR/SAMPLES"
BLOCK = Markup(
    '<pre style="white-space: pre-wrap; overflow-wrap: anywhere; background: #f3f5f7; '
    'padding: .6rem .9rem; font-size: .86em; break-inside: avoid">{}</pre>'
)


def calibration_doses(table):
    """Doses of a folder that is a calibration series itself; empty where it is none.

    Parameters
    ----------
    table : DataFrame
        Column ``dose_gy``, NaN where no dose is stated.

    Returns
    -------
    list of float
        Where every image states a dose, and there are at least three.
    """
    doses = sorted(set(table["dose_gy"].dropna()))
    whole = table["dose_gy"].notna().all()
    return doses if whole and len(doses) >= FEWEST_DOSES else []


def steps_of(table, folder, members, run_dir, *, use_filter):
    """Titles and shell commands, from this detector to doses of samples.

    Parameters
    ----------
    table : DataFrame
        ``dose_gy`` of an inventory. A folder that is a calibration series is calibrated on, one
        in which no image states a dose is taken for samples; other paths are left to be filled in.
    folder : path-like
        The images.
    members : path-like
        Ready ensemble, or folder of members with an operating point.
    run_dir : path-like
        Of the page; the curve and the doses go to ``curve`` in it.
    use_filter : bool

    Returns
    -------
    list of (str, Path or None, list of str)
        Title, notebook, commands.
    """
    doses, target = calibration_doses(table), Path(run_dir).absolute() / "curve"
    source = member_paths(members)[0].absolute().parent
    take = [
        _shell("mkdir", "-p", target / "members"),
        f"cp {shlex.quote(str(source))}/*.safetensors {shlex.quote(str(target / 'members'))}",
        _shell("cp", operating_point_file(source), target),
    ]
    if use_filter:
        weights = find_model("filter-small") / "filter.safetensors"
        take += [_shell("mkdir", "-p", target / "filter"), _shell("cp", weights, target / "filter")]
    series = str(Path(folder).absolute()) if doses else SERIES
    samples = SAMPLES if table["dose_gy"].notna().any() else str(Path(folder).absolute())
    truth = shlex.quote(f"{series}/annotations.csv")
    options = ["-p", "run_dir", target, "-p", "calibration", series, "-p", "use_filter", use_filter]
    if doses and REFERENCE_GY not in doses:
        options += ["-p", "reference_dose_gy", max(doses)]
    options += ["-r", "radiation", "RADIATION AND DOSE RATE OF YOUR SERIES"]
    options += ["-y", "{conditions: {scoring: automatic, images: real}}"]
    curve, report = notebook_paths()[CURVE], notebook_paths()[DOSES]
    return [
        ("Copy the detector of this page into the folder of the curve:", None, take),
        (
            "Make a calibration curve from a series with the dose_gy of every image in "
            "samples.csv. Write its radiation, for example 250 kV X-rays, 1 Gy/min. If the "
            "series is not annotated, the header line of annotations.csv is enough:",
            curve,
            [
                f"[ -e {truth} ] || echo image,class,row,col > {truth}",
                _shell("papermill", curve, target / curve.name, *options),
            ],
        ),
        (
            "Estimate the doses of your samples with that curve:",
            report,
            [
                _shell(
                    *("papermill", report, target / report.name),
                    *("-p", "run_dir", target, "-p", "images", samples),
                )
            ],
        ),
    ]


def block(steps, *, pixel_size=None):
    """The steps as a block of the page, with links to the notebooks.

    Parameters
    ----------
    steps : list
        Of :func:`steps_of`.
    pixel_size : dicentlib.own_slides.first_day.PixelSize, optional
        Where it is not stated, the step that needs it says so.
    """
    parts = [Markup("<ol>")]
    for title, notebook, commands in steps:
        link = Markup()
        if notebook is not None:
            link = Markup(' <a href="{}">{}</a>').format(notebook.as_uri(), notebook.name)
        parts.append(Markup("<li>{}{}").format(title, link))
        parts += [BLOCK.format("\n".join(commands)), Markup("</li>")]
    parts.append(Markup("</ol>"))
    if pixel_size is not None and pixel_size.source != "stated":
        parts.append(
            Markup("<p>{}</p>").format(
                f"The pixel size is {pixel_size}: write pixel_size_um into the samples.csv of "
                "series and samples; otherwise both notebooks assume 0.1 um."
            )
        )
    return Markup().join(parts)


def _shell(*words):
    return shlex.join(map(str, words))
