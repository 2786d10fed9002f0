"""Sheets of crops: every crop is centred on its object, also at the border."""

import numpy as np

from studies.sheets import COLUMNS, ROWS, SIDE, ZOOM, crop, sheet


def test_a_crop_is_centred_on_its_object():
    image = np.full((100, 120), 0.9, np.float32)
    image[10:13, 20:23] = 0.0
    tile = crop(image, 11, 21, "")
    assert tile.shape == (SIDE * ZOOM, SIDE * ZOOM)
    rows, cols = np.nonzero(tile < 60)
    middle = SIDE * ZOOM / 2
    assert abs(rows.mean() - middle) < 2 * ZOOM
    assert abs(cols.mean() - middle) < 2 * ZOOM
    assert crop(image, 0, 119, "0.97").shape == tile.shape


def test_a_sheet_has_whole_rows_and_no_more_than_it_holds():
    image = np.full((100, 120), 0.9, np.float32)
    places = [("one", 50, 60, "")] * (COLUMNS + 1)
    assert sheet({"one": image}, places).shape == (2 * SIDE * ZOOM, COLUMNS * SIDE * ZOOM)
    assert sheet({"one": image}, places * 9).shape[0] == ROWS * SIDE * ZOOM
    assert sheet({}, []).shape == (SIDE, SIDE)
