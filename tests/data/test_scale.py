"""The scale of an image is what its file states, or it is said to be assumed."""

import numpy as np
import pytest
import tifffile
from nd2_file import write_nd2
from PIL import Image

from dicentlib.data import index_images, read_picture
from dicentlib.data.scale import StatedScale, micrometres, resolve_scale, stated
from dicentlib.errors import InputError

GREY = np.random.default_rng(1).integers(0, 256, (20, 30), dtype=np.uint8)
NONE, INCH, CENTIMETRE = 1, 2, 3
METAMORPH = (
    "<MetaData><PlaneInfo><prop id='spatial-calibration-state' type='bool' value='{0}'/>"
    "<prop id='spatial-calibration-x' type='float' value='{1}'/>"
    "<prop id='spatial-calibration-y' type='float' value='{1}'/>"
    "<prop id='spatial-calibration-units' type='string' value='{2}'/></PlaneInfo></MetaData>"
)


def scale_of(path):
    row = index_images(path.parent).table.iloc[0]
    return pytest.approx(row["pixel_size_um"], rel=2e-3), row["pixel_size_from"]


@pytest.mark.parametrize(
    ("unit", "per_unit", "tag"),
    [
        ("micron", 5, NONE), ("\\u00B5m", 5, NONE), ("micrometers", 5, NONE),
        ("micrometre", 5, NONE), ("inch", 127000, INCH), ("m", 5_000_000, NONE),
        (None, 50000, CENTIMETRE), ("µm", 5, NONE), ("Microns", 5, NONE), ("nm", 0.005, NONE),
        ("Nanometers", 0.005, NONE), ("cm", 50000, CENTIMETRE), ("mm", 5000, NONE),
        ("um ", 5, NONE), ("pixel", 50000, CENTIMETRE),
    ],
)  # fmt: skip
def test_units_of_imagej_and_the_resolution_tag(tmp_path, unit, per_unit, tag):
    path = tmp_path / "a.tif"
    description = "ImageJ=1.54f\n" + (f"unit={unit}\n" if unit else "")
    resolution = {"resolution": (per_unit, per_unit), "resolutionunit": tag}
    encoded = description.encode("latin-1")
    tifffile.imwrite(path, GREY, description=encoded, metadata=None, **resolution)
    assert scale_of(path) == (0.2, "file")
    assert "pixel size 0.2 um from the file" in notes(path)


def notes(path, in_table=np.nan):
    return "; ".join(resolve_scale(in_table, read_picture(path).scale).notes)


@pytest.mark.parametrize(
    ("unit", "per_unit", "said"),
    [
        ("pixel", 1, "pixel size assumed 0.1 um"),
        ("furlong", 5, "in the unit 'furlong' not understood; pixel size assumed 0.1 um"),
        ("um", 0.1, "10 um in the file left out: allowed 0.02 to 2; pixel size assumed 0.1 um"),
    ],
)
def test_what_is_assumed_is_said_to_be_assumed(tmp_path, unit, per_unit, said):
    path = tmp_path / "a.tif"
    description = f"ImageJ=1.54f\nunit={unit}\n"
    resolution = {"resolution": (per_unit, per_unit), "resolutionunit": NONE}
    tifffile.imwrite(path, GREY, description=description, metadata=None, **resolution)
    assert scale_of(path) == (0.1, "assumed")
    assert said in notes(path)


def test_words_of_units():
    for word in ("um", "UM", " µm", "μm", "\\u00b5m", "microns", "Micrometres", "micro meter"):
        assert micrometres(word) == 1.0
    assert micrometres("inches") == micrometres("in.") == micrometres('"') == 25400
    assert micrometres("Å") == 1e-4
    assert np.isnan([micrometres(word) for word in ("pixel", "", "reference frame")]).all()


UNEQUAL = "pixels are not square"


def of_tiff(path, **options):
    tifffile.imwrite(path / "a.tif", GREY, **options)


def of_imagej(path):
    of_tiff(path, imagej=True, resolution=(5, 10), metadata={"unit": "um"})


def of_ome(path):
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm"}
    sizes |= {"PhysicalSizeY": 200, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(path / "a.ome.tif", GREY, metadata=sizes)


def of_png(path):
    Image.fromarray(GREY).save(path / "a.png", dpi=(127000, 254000))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: of_tiff(path, resolution=(50000, 100000), resolutionunit=CENTIMETRE),
        lambda path: of_tiff(path, resolution=(1, 2), resolutionunit=NONE),
        of_imagej,
        of_ome,
        of_png,
    ],
    ids=["resolution", "ratio", "ImageJ", "OME", "PNG"],
)
def test_pixels_that_are_not_square_are_refused(tmp_path, write):
    write(tmp_path)
    index = index_images(tmp_path)
    assert UNEQUAL in index.quarantined["reason"].iloc[0]
    with pytest.raises(InputError, match=UNEQUAL):
        read_picture(next(tmp_path.iterdir()))


def test_sides_that_differ_by_rounding_are_square():
    assert stated(0.1, 0.1005).pixel_size_um == 0.1
    assert stated(0.1).pixel_size_um == 0.1
    assert np.isnan(stated(np.nan, None).pixel_size_um)
    with pytest.raises(InputError, match=r"0\.1 um wide, 0\.102 um high"):
        stated(0.1, 0.102)


def test_sizes_of_microscope_files(tmp_path, monkeypatch):
    nd2 = pytest.importorskip("nd2")
    path = tmp_path / "a.nd2"
    write_nd2(path, [GREY])
    assert np.isnan(read_picture(path).scale.pixel_size_um)

    class Volume:
        axesCalibrated = (True, True, False)
        axesCalibration = (0.1, 0.2, 1.0)

    class Channel:
        volume = Volume()

    class Metadata:
        channels = (Channel(),)

    monkeypatch.setattr(nd2.ND2File, "metadata", Metadata())
    with pytest.raises(InputError, match=UNEQUAL):
        read_picture(path)
    Volume.axesCalibration = (0.1, 0.1, 1.0)
    assert read_picture(path).scale == StatedScale(0.1)
    Volume.axesCalibrated = (False, False, False)  # the reader fills in a size of its own
    assert np.isnan(read_picture(path).scale.pixel_size_um)


@pytest.mark.parametrize("sizes", [(1e-7, 1e-7), (1e-7, 2e-7)])
def test_sizes_of_czi(tmp_path, monkeypatch, sizes):
    czifile = pytest.importorskip("czifile")
    from pathlib import Path

    from dicentlib.data.microscope import czi_facts

    path = Path(__file__).parents[1] / "cases" / "files" / "grey_zstd.czi"
    distances = "".join(
        f'<Distance Id="{side}"><Value>{size}</Value></Distance>'
        for side, size in zip("XY", sizes, strict=True)
    )
    text = f"<Image><Metadata><Scaling><Items>{distances}</Items></Scaling></Metadata></Image>"
    monkeypatch.setattr(czifile.CziFile, "metadata", lambda self: text)
    if sizes[0] == sizes[1]:
        assert czi_facts(path)[3].pixel_size_um == pytest.approx(0.1)
    else:
        with pytest.raises(InputError, match=UNEQUAL):
            czi_facts(path)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_resolution_of_other_formats(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(GREY).save(path, dpi=(127000, 127000))
    assert scale_of(path) == (0.2, "file")
    Image.fromarray(GREY).save(path, dpi=(96, 96))  # of a screen
    assert scale_of(path) == (0.1, "assumed")


def test_a_table_that_contradicts_its_file_is_named(tmp_path):
    of_tiff(tmp_path, resolution=(50000, 50000), resolutionunit=CENTIMETRE)
    assert (
        notes(tmp_path / "a.tif", in_table=0.1)
        == "pixel size 0.1 um of the table; the file says 0.2"
    )
    assert notes(tmp_path / "a.tif", in_table=0.2) == ""


@pytest.mark.parametrize("per_cm", [100000, 50000, 28.3])  # 0.1 um, 0.2 um, 72 per inch
def test_metadata_that_contradict_the_resolution_are_named(tmp_path, per_cm):
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="30" SizeY="20" SizeC="1" '
        'SizeZ="1" SizeT="1" PhysicalSizeX="0.2" PhysicalSizeY="0.2"><TiffData/></Pixels></Image>'
        "</OME>"
    )
    path = tmp_path / "a.tif"
    resolution = {"resolution": (per_cm, per_cm), "resolutionunit": CENTIMETRE}
    tifffile.imwrite(path, GREY, description=xml, metadata=None, **resolution)
    assert scale_of(path) == (0.2, "file")
    contradicts = "resolution tag says 0.1 um, its OME metadata another" in notes(path)
    assert contradicts is (per_cm == 100000)


@pytest.mark.parametrize(("unit", "per_unit"), [(4, 5000), (5, 5)])
def test_units_of_the_resolution_beyond_the_standard(tmp_path, unit, per_unit):
    path = tmp_path / "a.tif"
    resolution = {"resolution": (per_unit, per_unit), "resolutionunit": unit}
    tifffile.imwrite(path, GREY, metadata=None, **resolution)
    assert scale_of(path) == (0.2, "file")


OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>',
    '<Image ID="Image:{0}"><Pixels ID="Pixels:{0}" DimensionOrder="XYCZT" Type="uint8" SizeX="{1}" '
    'SizeY="{2}" SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="{3}" PhysicalSizeY="{3}"/></Image>',
)


@pytest.mark.parametrize(
    ("described", "expected", "said"),
    [
        # saved again by a program that made the image half as large
        ([(60, 40, 0.1)], (0.1, "assumed"), "OME metadata left out: of an image of 40 x 60 px"),
        # of several images, the one in the file
        ([(15, 10, 0.8), (30, 20, 0.2)], (0.2, "file"), "pixel size 0.2 um from the file"),
    ],
)
def test_metadata_of_an_image_of_another_size(tmp_path, described, expected, said):
    images = "".join(OME[1].format(number, *of_one) for number, of_one in enumerate(described))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, description=OME[0].format(images), metadata=None)
    assert scale_of(path) == expected
    assert said in notes(path)


def test_one_micrometre_is_what_programs_fill_in(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, GREY, metadata={"PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0})
    assert scale_of(path) == (0.1, "assumed")
    assert "pixel size 1 um in the file left out" in notes(path)
    assert notes(path, in_table=1.0).startswith("pixel size 1 um in the file left out")


def test_sides_in_two_units_of_imagej(tmp_path):
    metadata = {"unit": "um", "yunit": "nm"}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, imagej=True, resolution=(5, 0.005), metadata=metadata)
    assert scale_of(path) == (0.2, "file")


@pytest.mark.parametrize("per_inch", [127000, 254000, 50800])
def test_the_resolution_of_a_jpeg_header_is_no_scale(tmp_path, per_inch):
    path = tmp_path / "a.jpg"
    Image.fromarray(GREY).save(path, dpi=(per_inch, per_inch))  # stored modulo 65536
    assert scale_of(path) == (0.1, "assumed")
    stored = 25400 / (per_inch % 65536)
    said = f"pixel size {stored:.4g} um in the header of a JPEG file left out" in notes(path)
    assert said is (stored < 2)
    Image.fromarray(GREY).save(path, dpi=(72, 72))
    assert "left out" not in notes(path)
    content = bytearray(path.read_bytes())
    place = content.index(b"JFIF\0") + 7
    content[place : place + 5] = b"\2" + (50000).to_bytes(2) * 2  # per centimetre
    path.write_bytes(content)
    assert scale_of(path) == (pytest.approx(0.2), "file")


@pytest.mark.parametrize(
    ("description", "tags", "expected"),
    [
        (METAMORPH.format("on", "0.1625", "um"), [], 0.1625),
        (METAMORPH.format("on", "162.5", "nm"), [], 0.1625),
        (METAMORPH.format("off", "0.1625", "um"), [], None),
        (METAMORPH.format("on", "1", "pixel"), [], None),
        ("<MetaData><prop", [], None),
        ("Aperio Image Library v11\r\n30x20 |AppMag = 40|MPP = 0.2500|Left = 1", [], 0.25),
        ("Aperio Image Library v11\r\n30x20 |AppMag = 40", [], None),
        ("", [(51123, "s", 0, '{"PixelSizeUm": 0.0645, "Width": 30}', True)], 0.0645),
        ("", [(51123, "s", 0, '{"PixelSizeUm": 0.0, "Width": 30}', True)], None),
        ("", [(51123, "s", 0, '{"PixelSizeUm": 1.0, "Width": 30}', True)], None),
        ("", [(51123, "s", 0, "{cut", True)], None),
    ],
)
def test_scales_in_the_own_form_of_a_program(tmp_path, description, tags, expected):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, description=description, metadata=None, extratags=tags)
    assert scale_of(path) == ((expected, "file") if expected else (0.1, "assumed"))


def test_a_program_that_contradicts_the_resolution_is_named(tmp_path):
    path = tmp_path / "a.tif"
    description = METAMORPH.format("on", "0.2", "um")
    tifffile.imwrite(path, GREY, description=description, metadata=None,
                     resolution=(100000, 100000), resolutionunit=CENTIMETRE)  # fmt: skip
    assert scale_of(path) == (0.2, "file")
    assert "resolution tag says 0.1 um, its metadata another pixel size" in notes(path)
