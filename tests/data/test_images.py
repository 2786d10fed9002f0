"""Image files of every kind become the same array; what cannot be used is named."""

import re

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image, ImageFile

from dicentlib.data import index_images, list_images, normalise_background, read_image, resample
from dicentlib.data.channels import GREY_WEIGHTS
from dicentlib.data.images import background_level
from dicentlib.data.inspection import inspect_image
from dicentlib.errors import InputError, InputWarning


@pytest.fixture
def grey(rng):
    return rng.integers(0, 256, (20, 30), dtype=np.uint8)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def save(path, values, **options):
    if path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, values, **options)
    else:
        Image.fromarray(values).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.BMP".lower(), {}),
        ("a.tif", {"photometric": "minisblack"}),
        ("a.tiff", {"photometric": "minisblack", "tile": (16, 16)}),
        ("b.tif", {"photometric": "minisblack", "compression": "zlib"}),
        ("c.tif", {"photometric": "minisblack", "bigtiff": True}),
        ("d.ome.tif", {"photometric": "minisblack", "metadata": {"axes": "YX"}}),
        ("e.tif", {"photometric": "minisblack", "byteorder": ">", "rowsperstrip": 3}),
    ],
)
def test_lossless_grey_files_give_the_same_array(tmp_path, grey, name, options):
    image = read_image(save(tmp_path / name, grey, **options))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, grey / np.float32(255))


def test_jpeg_is_read(tmp_path):
    flat = np.full((32, 48), 200, dtype=np.uint8)
    np.testing.assert_allclose(read_image(save(tmp_path / "a.jpg", flat)), 200 / 255, atol=0.01)


@pytest.mark.parametrize(("brightest", "full"), [(250, 255), (4000, 4095), (60000, 65535)])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_files_are_divided_by_the_range_of_their_bit_depth(
    tmp_path, rng, brightest, full, name
):
    values = rng.integers(0, brightest + 1, (16, 24)).astype(np.uint16)
    values[3, 4] = brightest
    path = tmp_path / name
    if name == "a.tif":
        tifffile.imwrite(path, values, photometric="minisblack")
    else:
        Image.fromarray(values).save(path)
    np.testing.assert_allclose(read_image(path), values / full, rtol=1e-6)


def test_colour_is_luminance_and_transparency_is_white(tmp_path, rng):
    colour = rng.integers(0, 256, (12, 14, 3), dtype=np.uint8)
    expected = (colour / 255) @ GREY_WEIGHTS
    for name in ("a.png", "a.bmp", "a.tif"):
        options = {"photometric": "rgb"} if name == "a.tif" else {}
        np.testing.assert_allclose(
            read_image(save(tmp_path / name, colour, **options)), expected, atol=1e-6
        )
    planar = np.moveaxis(colour, -1, 0)
    path = save(tmp_path / "p.tif", planar, photometric="rgb", planarconfig="separate")
    np.testing.assert_allclose(read_image(path), expected, atol=1e-6)
    alpha = np.zeros((12, 14, 1), dtype=np.uint8)
    alpha[:6] = 255
    path = save(tmp_path / "t.png", np.concatenate([colour, alpha], axis=2))
    np.testing.assert_allclose(read_image(path)[:6], expected[:6], atol=1e-6)
    np.testing.assert_allclose(read_image(path)[6:], 1.0, atol=1e-6)


def test_palette_and_white_is_zero(tmp_path, grey):
    path = tmp_path / "p.png"
    Image.fromarray(grey).convert("P").save(path)
    np.testing.assert_allclose(read_image(path), grey / 255, atol=1e-6)
    path = save(tmp_path / "w.tif", 255 - grey, photometric="miniswhite")
    np.testing.assert_allclose(read_image(path), grey / 255, atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_viewers_do(tmp_path, grey, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(grey).save(tmp_path / "a.png", exif=exif)
    tifffile.imwrite(
        tmp_path / "a.tif",
        grey,
        photometric="minisblack",
        extratags=[(274, "H", 1, orientation, True)],
    )
    shown = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), shown)
    # (0, 0) of the file is the corner that the EXIF standard names
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0)} | {
        5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)
    }  # fmt: skip
    assert shown[corner[orientation]] == grey[0, 0] / np.float32(255)
    assert shown.shape == (grey.shape if orientation < 5 else grey.shape[::-1])
    table = index_images(tmp_path).table
    assert list(zip(table["height_px"], table["width_px"], strict=True)) == [shown.shape] * 2


def test_the_header_of_a_png_file_tells_its_size_undecoded(tmp_path, grey, monkeypatch):
    exif = Image.Exif()
    exif[274] = 6  # a quarter turn
    Image.fromarray(grey).save(tmp_path / "turned.png", exif=exif)
    content = (tmp_path / "turned.png").read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    noted_last = content[:start] + content[end:-12] + content[start:end] + content[-12:]
    (tmp_path / "noted last.png").write_bytes(noted_last)
    for name in ("turned.png", "noted last.png"):
        facts = inspect_image(tmp_path / name)
        assert (facts.height, facts.width) == grey.shape[::-1] == read_image(tmp_path / name).shape
    Image.fromarray(grey).save(tmp_path / "plain.png")
    monkeypatch.delattr(ImageFile.ImageFile, "load")
    facts = inspect_image(tmp_path / "plain.png")
    assert (facts.height, facts.width) == grey.shape


def test_first_page_is_read_and_the_index_says_how_many(tmp_path, rng):
    pages = rng.integers(0, 256, (3, 20, 30), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), pages[0] / np.float32(255))
    assert index_images(tmp_path).table["n_pages"].tolist() == [3]


def test_resample_keeps_positions():
    # a bright block of 4 x 4 px centred at (21.5, 41.5) is 2 x 2 px centred at (10.5, 20.5)
    image = np.zeros((60, 80), dtype=np.float32)
    image[20:24, 40:44] = 1
    small = resample(image, pixel_size_um=0.1, target_pixel_size_um=0.2)
    assert small.shape == (30, 40)
    assert np.argwhere(small == 1).mean(axis=0).tolist() == [10.5, 20.5]
    assert resample(image, pixel_size_um=0.1, target_pixel_size_um=0.1) is image
    with pytest.raises(InputError, match="pixel size 0 um; allowed: a positive number"):
        resample(image, pixel_size_um=0, target_pixel_size_um=0.2)


def test_background_is_normalised_only_where_it_is_unusual(rng):
    image = np.full((50, 50), 0.4, dtype=np.float32)
    image[10:15, 10:40] = 0.1
    brighter = normalise_background(image)
    assert background_level(brighter) == pytest.approx(0.88, abs=0.01)
    assert brighter[12, 20] == pytest.approx(0.22, abs=0.01)
    usual = image * np.float32(2.2)
    assert normalise_background(usual) is usual
    with pytest.raises(InputError, match=r"background grey 0\.00; allowed: at least 0\.15"):
        normalise_background(image * 0)


def test_a_contrast_flattened_by_a_black_level_is_stretched():
    image = np.full((100, 100), 0.9, dtype=np.float32)
    image[10:20, 10:60] = 0.3
    stretched = normalise_background((image + 1) / 2)  # 0.95 and 0.65
    assert background_level(stretched) == pytest.approx(0.95, abs=0.01)
    assert stretched[15, 30] == pytest.approx(0.4 * 0.95, abs=0.01)
    empty = np.full((100, 100), 0.9, dtype=np.float32)
    assert normalise_background(empty) is empty
    pale = (image + 0.2) / 1.2  # 0.92 and 0.42: as slides are
    assert normalise_background(pale) is pale


def test_index_joins_samples_and_lists_what_cannot_be_used(tmp_path, grey):
    (tmp_path / "images").mkdir()
    for name in ("1.png", "2.png", "3.png"):
        save(tmp_path / "images" / name, grey)
    (tmp_path / "images" / "4.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "protocol.docx").write_bytes(b"PK\x03\x04")
    pd.DataFrame(
        {
            "image": ["images/2.png", "images/1.png", "images/9.png"],
            "sample": ["007", "NA", "x"],
            "dose_gy": [2, "", 1],
            "microscope": ["A", "B", "C"],
        }
    ).to_csv(tmp_path / "samples.csv", index=False)
    index = index_images(tmp_path)
    assert index.table["image"].tolist() == ["images/1.png", "images/2.png", "images/3.png"]
    assert index.table["sample"].tolist() == ["NA", "007", ""]
    assert index.table["dose_gy"].fillna(-1).tolist() == [-1, 2, -1]
    assert index.table["microscope"].tolist()[:2] == ["B", "A"]
    reasons = index.quarantined.set_index("image")
    assert "empty file" in reasons.loc["images/4.png", "reason"]
    assert "no such file" in reasons.loc["images/9.png", "reason"]
    assert reasons.loc["images/9.png", "sample"] == "x"
    assert "no known image format" in reasons.loc["protocol.docx", "reason"]
    assert len(reasons) == 3
    chosen = index_images(tmp_path, samples=index.table.iloc[[1]])
    assert chosen.table["image"].tolist() == ["images/2.png"]
    assert chosen.quarantined.empty


def test_a_bare_folder_is_an_image_set(tmp_path, grey):
    save(tmp_path / "Zürich 細胞 1.png", grey)
    table = index_images(tmp_path).table
    assert table["image"].tolist() == ["Zürich 細胞 1.png"]
    assert table["sample"].tolist() == [""]
    assert table["dose_gy"].isna().all()
    assert table[["pixel_size_um", "pixel_size_from"]].to_numpy().tolist() == [[0.1, "assumed"]]
    given = index_images(tmp_path, pixel_size_um=0.2).table
    assert given[["pixel_size_um", "pixel_size_from"]].to_numpy().tolist() == [[0.2, "given"]]
    again = index_images(tmp_path, samples=given).table  # what was not known stays so
    assert again["pixel_size_from"].tolist() == ["assumed"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image\na.png\na.png\n", "row 3: image a.png is listed a second time"),
        ("image\na.png\n./a.png\n", "row 3: image a.png is listed a second time"),
        ("name\na.png\n", "columns name; required: image"),
        ("image,dose_gy\na.png,-1\n", "row 2: dose_gy .*; allowed: 0 to 100 Gy"),
        ("image,dose_gy\na.png,500\n", "row 2: dose_gy 500.*; allowed: 0 to 100 Gy"),
        ("image,dose_mGy\na.png,500\n", "column 'dose_mGy'; expected dose_gy in Gy"),
        ("image,pixel_size_nm\na.png,100\n", "expected dose_gy in Gy, pixel_size_um in um"),
        ("image,px/um\na.png,10\n", "expected dose_gy in Gy, pixel_size_um in um"),
        ("image,pixel_size_um\na.png,100\n", "row 2: pixel_size_um 100.*; allowed: 0.02 to 2"),
        ("image,dose_gy\na.png,low\n", "row 2: column dose_gy has 'low': expected a number"),
        ("image,pixel_size_um\na.png,0\n", "row 2: pixel_size_um .*; allowed: 0.02 to 2 um"),
        ("image\n../a.png\n", "row 2: ../a.png: path leaves the image folder"),
        ("image\n/etc/passwd\n", "row 2: /etc/passwd: path leaves the image folder"),
        ("", "an empty file"),
        ("image\na.png,1,2\n", "row 2: value '1' in a column without name"),
    ],
)
def test_errors_of_the_table_of_samples_name_file_and_row(tmp_path, grey, text, message):
    save(tmp_path / "a.png", grey)
    (tmp_path / "samples.csv").write_text(text)
    with pytest.raises(InputError, match=rf"samples\.csv.*{message}"):
        index_images(tmp_path)


def test_missing_and_empty_folders_are_errors(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder; expected a folder of images"):
        index_images(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no images; expected files ending in \.tif"):
        index_images(tmp_path)


@pytest.mark.real
def test_real_images_are_read_and_normalised(real_data):
    index = index_images(real_data / "adci_demo")
    assert len(index.table) == 16
    assert index.quarantined.empty
    levels = [background_level(read_image(index.path(name))) for name in index.table["image"]]
    assert min(levels) > 0.75  # left as they are
    assert max(levels) < 0.97
    dark = index_images(real_data / "cohesion_giemsa")
    image = normalise_background(read_image(dark.path(dark.table["image"][0])))
    assert background_level(image) == pytest.approx(0.88, abs=0.03)


def test_bytes_after_a_jpegs_end_are_ignored(tmp_path):
    path = tmp_path / "padded.jpg"
    Image.fromarray(np.full((64, 64), 200, np.uint8)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(10_000))
    assert read_image(path).shape == (64, 64)
    path.write_bytes(whole[:-2] + bytes(10_000))
    with pytest.raises(InputError, match="truncated JPEG"):
        read_image(path)


def test_a_jpeg_of_12_bits_is_refused_with_the_way_out(tmp_path):
    encoded = imagecodecs.jpeg8_encode(np.zeros((64, 64), np.uint16), bitspersample=12)
    (tmp_path / "a.jpg").write_bytes(encoded)
    with pytest.raises(InputError, match="12 bits and lossless JPEG are not read: save it as TIFF"):
        inspect_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resolution": (1e4 / 0.065, 1e4 / 0.065), "resolutionunit": 3}, 0.065),
        ({"resolution": (72, 72), "resolutionunit": 2}, np.nan),  # of a screen
        ({"imagej": True, "resolution": (10, 10), "metadata": {"unit": "um"}}, 0.1),
        ({"ome": True, "metadata": {"PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "µm"}}, 0.2),
        ({"ome": True, "metadata": {"PhysicalSizeX": 65, "PhysicalSizeXUnit": "nm"}}, 0.065),
        ({}, np.nan),
    ],
)
def test_scale_that_a_file_tells(tmp_path, grey, options, expected):
    suffix = ".ome.tif" if "ome" in options else ".tif"
    path = tmp_path / f"a{suffix}"
    tifffile.imwrite(path, grey, **options)
    np.testing.assert_allclose(inspect_image(path).pixel_size_um, expected, rtol=1e-3)
    table = index_images(tmp_path).table
    known = expected > 0
    np.testing.assert_allclose(table["pixel_size_um"], [expected if known else 0.1], rtol=1e-3)
    assert table["pixel_size_from"].tolist() == ["file" if known else "assumed"]
    (tmp_path / "samples.csv").write_text(f"image,pixel_size_um\n{path.name},0.3\n")
    assert index_images(tmp_path).table["pixel_size_um"].tolist() == [0.3]


def test_folders_of_results_are_passed_over_and_named(tmp_path, grey):
    save(tmp_path / "a.png", grey)
    (tmp_path / "results" / "figures").mkdir(parents=True)
    save(tmp_path / "results" / "figures" / "density.png", grey)
    (tmp_path / "results" / "scoring.json").write_text("{}")
    with pytest.warns(InputWarning, match=r"folders of results skipped \(1\): results"):
        index = index_images(tmp_path)
    assert index.table["image"].tolist() == ["a.png"]
    assert index.quarantined.empty
    assert list_images(tmp_path, out=tmp_path / "results").table["image"].tolist() == ["a.png"]


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("pixel_size", "pixel_size_um"),
        ("Dose", "dose_gy"),
        ("Muestra", "sample"),
        ("Pixel size [µm]", "pixel_size_um"),
        ("um/px", "pixel_size_um"),
        ("scale", "pixel_size_um"),
        ("µm/pixel", "pixel_size_um"),
        ("Pixel width (um)", "pixel_size_um"),
        ("Resolution [µm]", "pixel_size_um"),
        ("microns per pixel", "pixel_size_um"),
        ("Dose (Gray)", "dose_gy"),
        ("absorbed dose", "dose_gy"),
        ("Patient", "sample"),
        ("Case ID", "sample"),
        ("sample_id", "sample"),
    ],
)
def test_columns_that_nearly_have_their_name_are_refused(tmp_path, grey, column, meant):
    save(tmp_path / "a.png", grey)
    (tmp_path / "samples.csv").write_text(f"image,{column}\na.png,1\n")
    with pytest.raises(InputError, match=re.escape(f"{column!r}; {meant} is probably meant")):
        index_images(tmp_path)
