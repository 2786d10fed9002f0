"""What the samples of an image mean is read from its tags, and what was done stands in a note."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from dicentlib.data import index_images, read_image, read_picture
from dicentlib.data.channels import GREY_WEIGHTS
from dicentlib.errors import InputError


@pytest.fixture
def field():
    """A bright field of 8 bits: background 220, dark bars at 60."""
    rng = np.random.default_rng(3)
    values = rng.normal(220, 3, (60, 90)).round()
    values[10:50:8, 10:80] = 60
    return values.clip(0, 255).astype(np.uint8)


@pytest.fixture
def colour(field):
    return np.stack([field, field // 2, 255 - field // 4], axis=-1)


def luminance(colour):
    return colour / 255 @ GREY_WEIGHTS


def note(path):
    return "; ".join(read_picture(path).notes)


class TestSamplesOfTiff:
    @pytest.mark.parametrize("black", [0.0, 0.5])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_cmyk_is_light_that_the_inks_leave(self, tmp_path, colour, black, dtype):
        # R = (1 - C)(1 - K): with the share `black` of the common ink put into K
        light = colour / 255
        k = black * (1 - light.max(axis=2, keepdims=True))
        inks = np.concatenate([1 - light / (1 - k), k], axis=2)
        full = np.iinfo(dtype).max
        path = tmp_path / "a.tif"
        values = (inks * full).round().astype(dtype)
        tifffile.imwrite(path, values, photometric="separated", compression="zlib")
        np.testing.assert_allclose(read_image(path), luminance(colour), atol=0.005)
        assert "CMYK" in note(path)

    def test_cmyk_with_a_fifth_sample(self, tmp_path, colour):
        inks = np.concatenate([255 - colour, np.zeros_like(colour[..., :2])], axis=2)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, inks, photometric="separated", extrasamples=["unspecified"])
        np.testing.assert_allclose(read_image(path), luminance(colour), atol=0.005)
        assert "left out" in note(path)

    @pytest.mark.parametrize(
        ("photometric", "name"),
        [("cielab", "CIELAB"), ("icclab", "ICCLAB"), ("cfa", "CFA"), ("logluv", "LOGLUV")],
    )
    def test_other_meanings_are_refused_by_name(self, tmp_path, colour, photometric, name):
        number = getattr(tifffile.PHOTOMETRIC, name)
        path = rewrite(tmp_path / "a.tif", colour, {262: int(number)})
        for reads in (read_image, lambda path: reason(path.parent)):
            with pytest.raises(InputError, match=f"{name} are not supported; allowed: grey, RGB"):
                reads(path)

    def test_ycbcr_without_jpeg_is_refused(self, tmp_path, colour):
        path = rewrite(tmp_path / "a.tif", colour, {262: 6})
        with pytest.raises(InputError, match="YCbCr without JPEG compression"):
            read_image(path)

    def test_inks_other_than_cmyk_are_refused(self, tmp_path, colour):
        inks = np.concatenate([colour, colour[..., :1]], axis=2)
        path = tmp_path / "a.tif"
        ink_set = [(332, "H", 1, 2, True)]
        tifffile.imwrite(path, inks, photometric="separated", extratags=ink_set)
        with pytest.raises(InputError, match="inks other than CMYK"):
            read_image(path)

    def test_subsampled_jpeg_in_tiles(self, tmp_path, colour):
        path = tmp_path / "a.tif"
        options = {"compression": "jpeg", "tile": (32, 32), "subsampling": (2, 2)}
        tifffile.imwrite(path, colour, photometric="rgb", **options)
        with tifffile.TiffFile(path) as file:
            assert file.pages.first.photometric == tifffile.PHOTOMETRIC.YCBCR
        difference = read_image(path) - luminance(colour)
        assert np.abs(difference).mean() < 0.03

    @pytest.mark.parametrize(
        ("extra", "expected"),
        [("unassalpha", "straight"), ("assocalpha", "premultiplied"), ("unspecified", "none")],
    )
    def test_a_fourth_sample_is_alpha_only_where_the_file_says_so(
        self, tmp_path, colour, extra, expected
    ):
        alpha = np.full(colour.shape[:2], 255, np.uint8)
        alpha[:30] = 51  # 0.2
        path = tmp_path / "a.tif"
        values = np.dstack([colour // (5 if expected == "premultiplied" else 1), alpha])
        tifffile.imwrite(path, values, photometric="rgb", extrasamples=[extra])
        grey = luminance(values[..., :3])
        shares = {"straight": (0.2, 0.8), "premultiplied": (1, 0.8), "none": (1, 0)}
        factor, white = shares[expected]
        np.testing.assert_allclose(read_image(path)[:30], grey[:30] * factor + white, atol=1e-5)
        np.testing.assert_allclose(read_image(path)[30:], grey[30:], atol=1e-5)
        assert ("laid on white" if white else "left out") in note(path)

    def test_a_second_sample_of_grey(self, tmp_path, field):
        path = tmp_path / "a.tif"
        values = np.dstack([field, np.full_like(field, 9)])
        options = {"photometric": "minisblack", "planarconfig": "contig"}
        tifffile.imwrite(path, values, extrasamples=["unspecified"], **options)
        np.testing.assert_array_equal(read_image(path), field / np.float32(255))

    @pytest.mark.parametrize("bits", [4, 12])
    def test_packed_bits_are_divided_by_their_own_range(self, tmp_path, field, bits):
        packed = pytest.importorskip("imagecodecs").packints_encode
        values = (field.astype(np.uint16) * (2**bits - 1)) // 255
        values = values.astype(np.uint8 if bits < 8 else np.uint16)
        path = rewrite(tmp_path / "a.tif", values, {258: bits}, packed(values, bits))
        np.testing.assert_allclose(read_image(path), values / (2**bits - 1), atol=1e-6)


def rewrite(path, values, changes, pixels=None):
    """Write an uncompressed TIFF file of one strip, with some tags changed."""
    values = np.atleast_3d(values)
    height, width, n = values.shape
    pixels = np.ascontiguousarray(values).tobytes() if pixels is None else bytes(pixels)
    bits = 8 * values.itemsize
    photometric = 2 if n == 3 else 1
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: n}
    tags |= {278: height, 279: len(pixels)}
    tags |= changes
    tags = {tag: value for tag, value in sorted(tags.items()) if value is not None}
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    pixels += b"\0" * (len(pixels) % 2)
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4)
    )
    return path


def reason(folder):
    """Raise the reason for which the index refuses the only file of a folder."""
    raise InputError(index_images(folder).quarantined["reason"].iloc[0])


class TestPages:
    def thumbnail_and_image(self, path, field, **of_thumbnail):
        with tifffile.TiffWriter(path) as file:
            small = {"photometric": "minisblack", "resolution": (72, 72), "resolutionunit": 2}
            file.write(field[::4, ::4], **small, **of_thumbnail)
            scale = {"resolution": (50000, 50000), "resolutionunit": 3}
            file.write(field, photometric="minisblack", **scale)
        return path

    @pytest.mark.parametrize("flag", [{"subfiletype": 1}, {"extratags": [(255, "H", 1, 2, True)]}])
    def test_reduced_copies_and_masks_are_passed_over(self, tmp_path, field, flag):
        path = self.thumbnail_and_image(tmp_path / "a.tif", field, **flag)
        np.testing.assert_array_equal(read_image(path), field / np.float32(255))
        row = index_images(tmp_path).table.iloc[0]
        assert (row["height_px"], row["width_px"], row["n_pages"]) == (*field.shape, 1)
        assert (row["pixel_size_um"], row["pixel_size_from"]) == (pytest.approx(0.2), "file")
        assert "the full image is read" in note(path)

    def test_the_image_may_lie_below_its_thumbnail(self, tmp_path, field):
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as file:
            file.write(field[::4, ::4], photometric="minisblack", subfiletype=1, subifds=1)
            file.write(field, photometric="minisblack")
        np.testing.assert_array_equal(read_image(path), field / np.float32(255))

    def test_a_larger_page_without_a_flag_is_refused(self, tmp_path, field):
        path = self.thumbnail_and_image(tmp_path / "a.tif", field)
        with pytest.raises(InputError, match="pages of 15 x 23 and 60 x 90 px, and no tag says"):
            read_image(path)

    def test_reduced_copies_alone_are_refused(self, tmp_path, field):
        tifffile.imwrite(tmp_path / "a.tif", field, photometric="minisblack", subfiletype=1)
        with pytest.raises(InputError, match="only reduced copies or masks"):
            read_image(tmp_path / "a.tif")

    def test_a_pyramid_is_one_image(self, tmp_path, field):
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as file:
            for step in (1, 2, 4):
                flag = {"subfiletype": 1} if step > 1 else {}
                file.write(field[::step, ::step], photometric="minisblack", **flag)
        assert index_images(tmp_path).table["n_pages"].tolist() == [1]
        assert read_picture(path).notes == ()

    @pytest.mark.parametrize("written_by", ["ImageJ", "OME names", "OME colours"])
    def test_three_planes_of_colour_are_one_image(self, tmp_path, colour, written_by):
        planes = np.moveaxis(colour, -1, 0)
        if written_by == "ImageJ":
            path = tmp_path / "a.tif"
            metadata = {"axes": "CYX", "mode": "composite"}
            tifffile.imwrite(path, planes, imagej=True, metadata=metadata)
        else:
            path = tmp_path / "a.ome.tif"
            channel = {"Name": ["red", "green", "blue"]}
            if written_by == "OME colours":
                channel = {"Color": [-16776961, 16711935, 65535]}
            metadata = {"axes": "CYX", "Channel": channel}
            tifffile.imwrite(path, planes, photometric="minisblack", metadata=metadata)
        np.testing.assert_allclose(read_image(path), luminance(colour), atol=1e-6)
        assert "three planes read as red, green and blue" in note(path)
        assert index_images(tmp_path).table["n_pages"].tolist() == [1]

    def test_three_other_channels_are_not_colour(self, tmp_path, colour):
        path = tmp_path / "a.ome.tif"
        metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "FITC", "TRITC"]}}
        planes = np.moveaxis(colour, -1, 0)
        tifffile.imwrite(path, planes, photometric="minisblack", metadata=metadata)
        np.testing.assert_array_equal(read_image(path), planes[0] / np.float32(255))
        assert note(path) == "first of 3 pages"


def ramp(*corners):
    """Look-up table of 256 colours between corners."""
    places = np.linspace(0, 255, len(corners))
    table = [np.interp(np.arange(256), places, channel) for channel in np.transpose(corners)]
    return np.transpose(table).round().astype(np.uint8)


FIRE = ramp((0, 0, 0), (98, 0, 220), (217, 40, 100), (255, 160, 0), (255, 255, 255))
GREEN = ramp((0, 0, 0), (0, 255, 0))
HIGH_AND_LOW = np.concatenate([[[0, 0, 255]], ramp((1,) * 3, (254,) * 3)[1:-1], [[255, 0, 0]]])


class TestPalettes:
    @pytest.mark.parametrize("table", [FIRE, GREEN, HIGH_AND_LOW], ids=["fire", "green", "hilo"])
    @pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
    def test_the_look_up_table_of_a_viewer_is_not_the_measurement(
        self, tmp_path, field, table, suffix
    ):
        field[0, :3] = (0, 128, 255)
        path = write_palette(tmp_path / f"a{suffix}", field, table.astype(np.uint8))
        np.testing.assert_allclose(read_image(path), field / 255, atol=1e-6)
        assert "look-up table of a viewer left out" in note(path)

    @pytest.mark.parametrize("suffix", [".tif", ".png"])
    def test_colours_in_no_order_are_looked_up(self, tmp_path, field, suffix):
        table = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
        path = write_palette(tmp_path / f"a{suffix}", field, table)
        np.testing.assert_allclose(read_image(path), luminance(table[field]), atol=1e-5)

    def test_a_few_greys_are_looked_up(self, tmp_path, field):
        greys, places = np.unique(field, return_inverse=True)
        table = np.zeros((256, 3), np.uint8)
        table[: len(greys)] = greys[:, None]
        path = write_palette(
            tmp_path / "a.png", places.reshape(field.shape).astype(np.uint8), table
        )
        np.testing.assert_array_equal(read_image(path), field / np.float32(255))

    def test_a_colour_table_of_8_bits_in_16(self, tmp_path, field):
        table = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint16)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, field, photometric="palette", colormap=table.T)
        np.testing.assert_allclose(read_image(path), luminance(table[field]), atol=1e-5)

    def test_a_table_from_light_to_dark_inverts(self, tmp_path, field):
        falling = np.arange(255, -1, -1)
        table = np.stack([np.full(256, 255), falling, falling], axis=1).astype(np.uint8)
        path = write_palette(tmp_path / "a.tif", 255 - field, table)
        np.testing.assert_allclose(read_image(path), field / 255, atol=1e-6)
        assert "look-up table" in note(path)
        assert "inverted" in note(path)


def write_palette(path, places, table):
    if path.suffix == ".tif":
        colours = table.T.astype(np.uint16) * 257
        tifffile.imwrite(path, places, photometric="palette", colormap=colours)
    else:
        image = Image.fromarray(places)
        image.putpalette(table.ravel().tolist())
        image.save(path)
    return path


class TestRasterFiles:
    def test_cmyk_jpeg_is_read_and_noted(self, tmp_path, colour):
        path = tmp_path / "a.jpg"
        Image.fromarray(colour).convert("CMYK").save(path, quality=100, subsampling=0)
        assert np.abs(read_image(path) - luminance(colour)).mean() < 0.02
        assert "CMYK" in note(path)

    def test_a_bitmap_whose_alpha_is_0_everywhere_is_opaque(self, tmp_path, colour):
        path = tmp_path / "a.bmp"
        for alpha in (0, 255):
            path.write_bytes(
                bitmap_with_alpha(np.dstack([colour, np.full(colour.shape[:2], alpha)]))
            )
            np.testing.assert_allclose(read_image(path), luminance(colour), atol=1e-6)
            assert ("alpha channel left out" in note(path)) == (alpha == 0)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_wholly_transparent_images_are_refused_as_such(self, tmp_path, colour, suffix):
        values = np.dstack([colour, np.zeros(colour.shape[:2], np.uint8)])
        path = tmp_path / f"a{suffix}"
        if suffix == ".png":
            Image.fromarray(values).save(path)
        else:
            tifffile.imwrite(path, values, photometric="rgb", extrasamples=["unassalpha"])
        with pytest.raises(InputError, match="completely transparent: its alpha channel is 0"):
            read_image(path)

    def test_a_colour_that_stands_for_transparency(self, tmp_path, field):
        path = tmp_path / "a.png"
        Image.fromarray(field).save(path, transparency=60)
        expected = np.where(field == 60, 255, field) / 255
        np.testing.assert_allclose(read_image(path), expected, atol=1e-6)

    @pytest.mark.parametrize("n_channels", [3, 4])
    def test_12_bits_of_colour_in_a_png_of_16(self, tmp_path, colour, n_channels):
        import cv2

        values = colour.astype(np.uint16) * 16
        if n_channels == 4:
            values = np.dstack([values, np.full(colour.shape[:2], 65535, np.uint16)])
        order = [2, 1, 0, 3][:n_channels]
        cv2.imwrite(str(tmp_path / "a.png"), values[..., order])
        expected = values[..., :3] / 4095 @ GREY_WEIGHTS
        np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1e-5)

    @pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"tEXt", b"iTXt"])
    def test_a_large_profile_or_text_is_not_damage(self, tmp_path, field, kind):
        buffer = io.BytesIO()
        Image.fromarray(field).save(buffer, "PNG")
        plain = buffer.getvalue()
        text = bytes(3_000_000) if kind in (b"iCCP", b"zTXt") else b"x" * 3_000_000
        data = {
            b"iCCP": b"camera\0\0" + zlib.compress(text),
            b"zTXt": b"Comment\0\0" + zlib.compress(text),
            b"tEXt": b"Comment\0" + text,
            b"iTXt": b"Comment\0\1\0\0\0" + zlib.compress(text),
        }[kind]
        if kind == b"iTXt":  # incompressible, so that the chunk itself is large
            noise = np.random.default_rng(0).bytes(1_200_000).hex().encode()
            data = b"Comment\0\1\0\0\0" + zlib.compress(noise)
        chunk = struct.pack(">I", len(data)) + kind + data
        chunk += struct.pack(">I", zlib.crc32(kind + data))
        path = tmp_path / "a.png"
        path.write_bytes(plain[:33] + chunk + plain[33:])
        np.testing.assert_array_equal(read_image(path), field / np.float32(255))

    def test_an_ordinary_profile_does_not_change_an_image(self, tmp_path, colour):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        Image.fromarray(colour).save(tmp_path / "a.png", icc_profile=profile)
        np.testing.assert_allclose(read_image(tmp_path / "a.png"), luminance(colour), atol=1e-6)


def bitmap_with_alpha(values):
    """A BMP file with a header of version 4 that declares alpha."""
    height, width = values.shape[:2]
    pixels = values[::-1, :, [2, 1, 0, 3]].astype(np.uint8).tobytes()
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<IIII", *masks) + struct.pack("<I", 0x73524742) + bytes(48)
    return struct.pack("<2sIHHI", b"BM", 122 + len(pixels), 0, 0, 122) + header + pixels


class TestByteCounts:
    @pytest.mark.parametrize("count", [None, 0, 10**6])
    def test_wrong_counts_of_an_uncompressed_strip_are_computed(self, tmp_path, field, count):
        path = rewrite(tmp_path / "a.tif", field, {279: count})
        np.testing.assert_array_equal(read_image(path), field / np.float32(255))
        assert "byte counts of the strips absent or wrong" in note(path)

    def test_missing_pixels_are_still_found(self, tmp_path, field):
        path = rewrite(tmp_path / "a.tif", field, {257: 10 * len(field), 278: 10 * len(field)})
        with pytest.raises(InputError, match=r"truncated TIFF file: \d+ bytes, its pixels need"):
            read_image(path)

    def test_absent_counts_of_a_compressed_file_are_named(self, tmp_path, field):
        path = rewrite(
            tmp_path / "a.tif", field, {259: 8, 279: None}, zlib.compress(field.tobytes())
        )
        with pytest.raises(InputError, match="byte counts of the strips absent or 0"):
            read_image(path)


class TestRange:
    def deep(self, field, **changes):
        return field.astype(np.uint16) * 16

    @pytest.mark.parametrize("odd", ["bar", "hot pixel"])
    @pytest.mark.parametrize("suffix", [".tif", ".png"])
    def test_odd_pixels_do_not_set_the_range(self, tmp_path, field, odd, suffix):
        values = self.deep(field)
        place = (slice(50, 53), slice(50, 80)) if odd == "bar" else (5, 5)
        values[place] = 65535
        path = tmp_path / f"a{suffix}"
        write_deep(path, values)
        expected = values / 4095
        expected[place] = 1
        np.testing.assert_allclose(read_image(path), expected, atol=1e-6)
        assert "burnt in or hot" in note(path)

    def test_values_raised_by_32768_are_lowered(self, tmp_path, field):
        values = self.deep(field) + 2**15
        values[0, 0] = 65535  # and a hot pixel
        write_deep(tmp_path / "a.tif", values)
        expected = self.deep(field) / 4095
        np.testing.assert_allclose(read_image(tmp_path / "a.tif")[1:], expected[1:], atol=1e-6)
        assert "32768 subtracted" in note(tmp_path / "a.tif")

    def test_a_bright_image_of_16_bits_keeps_its_values(self, tmp_path, field):
        values = field.astype(np.uint16) * 257
        write_deep(tmp_path / "a.tif", values)
        np.testing.assert_allclose(read_image(tmp_path / "a.tif"), values / 65535, atol=1e-6)
        assert note(tmp_path / "a.tif") == ""

    def test_hot_pixels_where_white_is_zero(self, tmp_path, field):
        values = 4095 - self.deep(field)
        values[3, 3] = 65535
        tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
        expected = self.deep(field) / 4095
        np.testing.assert_allclose(read_image(tmp_path / "a.tif")[4:], expected[4:], atol=1e-6)


def write_deep(path, values):
    if path.suffix == ".png":
        Image.fromarray(values).save(path)
    else:
        tifffile.imwrite(path, values, photometric="minisblack")


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_black_and_white_alone_is_no_metaphase(tmp_path, field, bits):
    path = tmp_path / "a.png"
    white = field > 128
    full = {1: white, 8: white * np.uint8(255), 16: white * np.uint16(65535)}[bits]
    Image.fromarray(full).save(path)
    with pytest.raises(InputError, match="black and white only, without grey levels"):
        read_image(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_no_number_are_counted(tmp_path, field, value):
    values = field.astype(np.float32) / 255
    values[3, 4:6] = value
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(InputError, match="2 pixels are not a number or infinite"):
        read_image(tmp_path / "a.tif")


def write_png_16(path, values, *chunks):
    """A grey PNG file of 16 bits with further chunks (name, content)."""
    height, width = values.shape
    rows = [b"\0" + row.astype(">u2").tobytes() for row in values]
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    data = (b"IDAT", zlib.compress(b"".join(rows)))
    for name, part in ((b"IHDR", header), *chunks, data, (b"IEND", b"")):
        content += struct.pack(">I", len(part)) + name + part
        content += struct.pack(">I", zlib.crc32(name + part))
    path.write_bytes(content)


@pytest.mark.parametrize("bits", [12, 16])
def test_one_transparent_grey_of_16_bits(tmp_path, field, bits):
    values = (field.astype(int) * (2**bits - 1) // 255).astype(np.uint16)
    transparent = int(values[10, 20])  # a bar
    write_png_16(tmp_path / "a.png", values, (b"tRNS", struct.pack(">H", transparent)))
    expected = np.where(values == transparent, 1, values / (2**bits - 1))
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1e-6)
    assert "laid on white" in note(tmp_path / "a.png")


def test_alpha_of_as_many_bits_as_the_grey(tmp_path, field):
    values = field.astype(np.uint16) * 16
    both = np.stack([values, np.full_like(values, 4095)], axis=-1)
    path = tmp_path / "a.tif"
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(path, both, extrasamples=["unassalpha"], **options)
    np.testing.assert_allclose(read_image(path), values / 4095, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_jpeg_that_was_cut_off_and_ended(tmp_path, field, mode, subsampling):
    image = Image.fromarray(np.tile(field, (3, 3))).convert(mode)
    path = tmp_path / "a.jpg"
    image.save(path, subsampling=subsampling)
    assert read_image(path).shape == (180, 270)
    content = path.read_bytes()
    path.write_bytes(content[: int(0.7 * len(content))] + content[-2:])
    with pytest.raises(InputError, match=r"the last \d+ of its \d+ blocks are missing"):
        read_image(path)


def test_a_jpeg_with_grey_of_its_own(tmp_path, field):
    """Blocks at 128 that are not the last ones, and an image that is 128 as a whole."""
    values = np.tile(field, (2, 2))
    values[:48] = 128
    values[-8:, -8:] = 128
    for name, pixels in (("a.jpg", values), ("b.jpg", np.full((64, 64), 128, np.uint8))):
        Image.fromarray(pixels).save(tmp_path / name, quality=95)
        np.testing.assert_allclose(read_image(tmp_path / name), pixels / 255, atol=0.08)


def test_a_tile_that_is_not_in_the_file(tmp_path, field):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.tile(field, (2, 2)), tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as file:
        place = file.pages[0].tags[324].valueoffset
    content = bytearray(path.read_bytes())
    content[place + 4 : place + 8] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"1 of 6 strips or tiles are not in the file"):
        read_image(path)
    assert "not in the file" in index_images(tmp_path).quarantined.loc[0, "reason"]


@pytest.mark.parametrize("stated", [0, 54, 10**6])
def test_a_bmp_file_whose_header_has_a_wrong_size(tmp_path, field, stated):
    path = tmp_path / "a.bmp"
    Image.fromarray(field).save(path)
    content = bytearray(path.read_bytes())
    content[2:6] = stated.to_bytes(4, "little")
    path.write_bytes(content)
    np.testing.assert_allclose(read_image(path), field / 255, atol=1e-6)
    path.write_bytes(content[:-100])
    with pytest.raises(InputError, match=f"truncated BMP file: {len(content) - 100} bytes, its"):
        read_image(path)


def test_bytes_behind_the_end_of_a_png_do_not_matter(tmp_path):
    grey = np.random.default_rng(2).integers(0, 256, (20, 30), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(grey).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(9000))  # as on a disk with large sectors
    assert np.array_equal(read_picture(path).pixels, grey / np.float32(255))
    path.write_bytes(whole[:-12] + bytes(9000))
    with pytest.raises(InputError, match="truncated PNG file: its end mark is missing"):
        read_picture(path)
