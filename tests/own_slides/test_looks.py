"""Traffic lights of looks, on reference tables with known quantiles."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dicentlib.errors import InputError
from dicentlib.own_slides.appearance import QUANTITIES
from dicentlib.own_slides.looks import (
    judge,
    least_usual_first,
    measure_slides,
    nearest_looks,
    read_reference,
    slides_to_show,
)
from dicentlib.own_slides.page_sentences import nearest_caption
from dicentlib.plotting.own_slides import plot_fields, plot_looks


@pytest.fixture
def reference():
    rng = np.random.default_rng(0)
    values = pd.DataFrame({name: rng.uniform(0, 1, 400) for name in QUANTITIES})
    return values.assign(seed=1, number=range(400), banded=False)


def measured(**changes):
    """A slide in the middle of the reference but for some quantities."""
    return pd.Series(dict.fromkeys(QUANTITIES, 0.5) | changes)


@pytest.mark.parametrize(
    ("changes", "light"),
    [
        ({}, "green"),
        ({"noise": 0.985}, "green"),  # one unusual quantity of 18 is nothing
        ({"noise": 0.985, "edge_px": 0.985, "width_px": 0.015}, "amber"),
        ({"noise": 2.0}, "amber"),
        ({"noise": 2.0, "edge_px": -1.0}, "red"),
    ],
)
def test_lights(reference, changes, light):
    assert judge(measured(**changes), reference).light == light


def test_advice_names_what_is_unusual(reference):
    look = judge(measured(edge_px=3.5), reference)
    text = "Outlines are sharper or softer than in training: check focus and sharpening."
    assert look.advice == (text,)
    assert look.unusual.index.to_list() == ["edge_px"]
    assert look.unusual["extreme"].all()


def test_what_cannot_be_measured_does_not_count(reference):
    assert judge(measured(nucleus_px=np.nan), reference).light == "green"


def test_neighbours_that_are_banded(reference):
    known = reference[list(QUANTITIES)]
    order = nearest_looks(measured(), known)
    reference.loc[order[:10], "banded"] = True
    look = judge(measured(), reference)
    assert look.light == "amber"
    assert "banded" in look.advice[-1]
    assert look.nearest == order[0]


def test_slides_are_medians_of_their_fields():
    rng = np.random.default_rng(1)
    images = []
    for level in (0.80, 0.86, 0.90):
        image = rng.normal(level, 0.005, (128, 128)).astype(np.float32)
        image[40:60, 30:90] = 0.3
        images.append(image)
    measures = measure_slides(images, ["a", "a", "b"])
    assert measures["background"].to_list() == pytest.approx([0.83, 0.90], abs=0.005)


def test_the_least_usual_slides_come_first(reference):
    slides = {"a": measured(), "b": measured(noise=2.0), "c": measured(noise=2.0, edge_px=-1.0)}
    looks = {slide: judge(row, reference) for slide, row in slides.items()}
    assert least_usual_first(looks) == ["c", "b", "a"]


def test_every_slide_outside_is_shown_up_to_ten(reference):
    red, amber = measured(noise=2.0, edge_px=-1.0), measured(noise=2.0)
    outside = {f"amber {k}": amber for k in range(8)} | {f"red {k}": red for k in range(4)}
    looks = {
        slide: judge(row, reference) for slide, row in ({"green": measured()} | outside).items()
    }
    shown, n_left = slides_to_show(looks)
    assert (len(shown), n_left) == (10, 2)
    assert shown[:5] == ["red 0", "red 1", "red 2", "red 3", "amber 0"]
    assert nearest_caption(n_left).endswith("Not shown: 2 more amber or red slides.")
    del looks["amber 7"], looks["amber 6"]
    assert slides_to_show(looks)[1] == 0
    assert "Not shown" not in nearest_caption(0)
    shown, n_left = slides_to_show({str(k): judge(measured(), reference) for k in range(5)})
    assert (shown, n_left) == (["0", "1", "2"], 0)
    fig = plot_fields([np.ones((20, 30))] * 20, list(map(str, range(20))), most=20)
    assert [ax.get_title() for ax in fig.axes if ax.images] == list(map(str, range(20)))
    plt.close(fig)


def test_other_tables_are_refused(tmp_path):
    pd.DataFrame({"noise": [1.0]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="not a table of known looks; it lacks"):
        read_reference(tmp_path / "x.parquet")


def test_the_figure_names_slides_and_counts_the_rest(reference):
    slides = {f"slide {number:02d}": measured() for number in range(15)}
    slides["slide 09"] = measured(noise=2.0, edge_px=-1.0)
    slides["a folder/of slides/with a very long name 7"] = measured(noise=2.0)
    measures = pd.DataFrame(slides).T
    looks = {slide: judge(row, reference) for slide, row in measures.iterrows()}
    ax = plot_looks(measures, reference, looks)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[1:4] == ["slide 09: red", "…s/with a very long name 7: amber", "slide 00: green"]
    assert names[-1] == "4 more: green"
    assert len(names) == 1 + 12 + 1
    named = [line for line in ax.get_lines() if line.get_marker() != "."]
    assert len({line.get_marker() for line in named}) == len(named) == 12
    heights = [line.get_ydata()[0] for line in ax.get_lines()]
    assert len(set(heights)) == len(slides)  # slides of equal measures do not cover each other
    plt.close(ax.figure)
