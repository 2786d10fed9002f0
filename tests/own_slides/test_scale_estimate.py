"""The scale from the chromosomes: simulated fields, rescaled; fields without chromosomes."""

import cv2
import numpy as np
import pandas as pd
import pytest

from dicentlib.errors import InputError
from dicentlib.files import find_model
from dicentlib.own_slides.first_day import pixel_size_to_use
from dicentlib.own_slides.page_sentences import scale_sentence
from dicentlib.own_slides.scale import (
    ScaleEstimate,
    estimate_scale,
    field_sizes,
    first_guess,
    load_scale_model,
)
from dicentlib.simulation import draw_metaphase
from dicentlib.simulation.metaphase import generator
from dicentlib.simulation.styles import draw_slide_style

SLIDE = (911, 5)


@pytest.fixture(scope="module")
def model():
    return load_scale_model(find_model("scale") / "scale.parquet")


@pytest.fixture(scope="module")
def fields():
    return {
        f"{i}.png": draw_metaphase(
            (911, i), dose_gy=1.0, slide_seed=SLIDE, height=888, width=1008, pixel_size_um=0.1
        ).image
        for i in range(3)
    }


@pytest.mark.parametrize("factor", [0.6, 1.7])
def test_slides_that_are_shrunk_or_enlarged(fields, model, factor):
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    images = [
        (name, cv2.resize(image, None, fx=factor, fy=factor, interpolation=way).clip(0, 1))
        for name, image in fields.items()
    ]
    found = estimate_scale(images, model)
    true_um = 0.1 / draw_slide_style(generator(SLIDE, "slide")).scale / factor
    # a field's error is about 8 %, a slide's 5 % (the table's own cross-validation)
    assert found.pixel_size_um == pytest.approx(true_um, rel=0.2)
    assert found.lower_um < found.pixel_size_um < found.upper_um
    assert found.n_fields == 3


def test_offsets_follow_the_assumed_pixel(fields, model):
    sizes = [field_sizes(fields["0.png"], pixel_size_um=size) for size in (0.08, 0.12)]
    small, large = model.regression.predict(np.stack(sizes))
    # both lead to the same true scale; a field's own error, 0.08, is in both alike
    assert small - large == pytest.approx(np.log(0.12 / 0.08), abs=0.16)


def test_no_chromosomes(model):
    rng = np.random.default_rng(0)
    empty = rng.normal(0.9, 0.01, (400, 400)).astype(np.float32).clip(0, 1)
    assert np.isnan(first_guess(np.full((400, 400), 0.9, np.float32)))
    found = estimate_scale([("empty.png", empty)], model)
    assert found.n_fields == 0
    assert np.isnan(found.pixel_size_um)


def test_what_is_used_is_said():
    fields = pd.Series({"a.png": 0.06})
    estimate = ScaleEstimate(0.06, 0.05, 0.07, 1, fields)
    none = ScaleEstimate(np.nan, np.nan, np.nan, 0, fields)
    silent = pd.DataFrame({"pixel_size_um": [0.1, 0.1], "pixel_size_from": ["assumed", "table"]})
    assert pixel_size_to_use(silent, estimate, use_estimate=False).source == "assumed"
    used = pixel_size_to_use(silent, estimate, use_estimate=True)
    assert (used.um, used.source) == (0.06, "estimated")
    assert "disagree" not in scale_sentence(estimate, used)
    assumed = pixel_size_to_use(silent, estimate, use_estimate=False)
    assert "disagree: check the scale" in scale_sentence(estimate, assumed)
    assert "could not be estimated" in scale_sentence(none, assumed)
    stated = pixel_size_to_use(silent[1:], none, use_estimate=True)
    assert stated.source == "stated"
    with pytest.raises(InputError, match="no field has enough separate chromosomes"):
        pixel_size_to_use(silent, none, use_estimate=True)


def test_other_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_scale_model(tmp_path / "none.parquet")
    pd.DataFrame({"x": [1.0]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="not a table of the scale estimate"):
        load_scale_model(tmp_path / "other.parquet")
