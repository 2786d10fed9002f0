"""Contacts and specks, measured on fields drawn by hand."""

import cv2
import numpy as np
import pytest

from studies.contacts import (
    KINDS,
    BoxedField,
    field_contacts,
    field_specks,
    measure_contacts,
    simulated_fields,
)


def field(*bars, specks=()):
    """A field of bars, each (row, col, row, col) of its axis; specks are (row, col, radius)."""
    image, boxes = np.full((300, 300), 0.9, np.float32), []
    for top, left, bottom, right in bars:
        cv2.line(image, (left, top), (right, bottom), 0.2, 11)
        rows, cols = sorted((top, bottom)), sorted((left, right))
        boxes.append([rows[0] - 6, cols[0] - 6, rows[1] + 7, cols[1] + 7])
    for row, col, radius in specks:
        cv2.circle(image, (col, row), radius, 0.2, -1)
    return BoxedField("drawn", image, np.array(boxes, float))


@pytest.mark.parametrize(
    ("bars", "kind"),
    [
        ([(100, 40, 100, 90), (100, 101, 100, 150)], "end to end"),
        ([(100, 40, 100, 90), (111, 96, 150, 96)], "ends at an angle"),
        ([(100, 40, 100, 110), (111, 75, 150, 75)], "end to side"),
        ([(100, 40, 100, 110), (111, 42, 111, 108)], "side by side"),
    ],
)
def test_kinds_of_contacts(bars, kind):
    (found,) = field_contacts(field(*bars))
    assert found["kind"] == kind
    assert found["kind"] in KINDS
    assert 0.8 < found["width_ratio"] <= 1


def test_bodies_apart_do_not_touch():
    assert field_contacts(field((100, 40, 100, 90), (100, 120, 100, 170))) == []


def test_specks_are_counted_outside_the_boxes_as_shares_of_a_chromosome():
    bars = [(60, 60, 60, 120), (120, 60, 120, 120), (180, 60, 180, 120)]
    (share,) = field_specks(field(*bars, specks=[(90, 90, 5), (180, 90, 5)]))
    assert share == pytest.approx(np.pi * 25 / (61 * 11), rel=0.3)


def test_simulated_cells_are_measured():
    found = measure_contacts(simulated_fields(2, seed=1, height=444, width=504, pixel_size_um=0.2))
    assert found["cells"] == 2
    assert 80 <= found["chromosomes"] <= 92
    assert found["specks of 2 % and more"] >= 0
