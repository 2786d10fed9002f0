"""What the figures show: labels, limits, whole epochs, uncertainty."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from dicentlib.calibration.trial import try_counts
from dicentlib.latent.disagreement import RankCorrelation
from dicentlib.plotting import dose, filtering, latent, thresholds
from dicentlib.plotting.style import CLASS_COLOURS


def test_trials_have_poisson_limits_and_their_names():
    doses = np.repeat([0.0, 1.0, 2.0, 4.0], 50)
    counts = np.random.default_rng(3).poisson(0.05 + 0.06 * doses**2)
    trials = {"$T_C$ = 0.5": try_counts(doses, counts), 0.3: try_counts(doses, counts)}
    ax = dose.plot_trials(trials, ax=Figure().subplots(), truth=trials[0.3].curve)
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["$T_C$ = 0.5", "q = 0.3", "annotated"]
    bars = [one for one in ax.containers if isinstance(one, ErrorbarContainer)]
    assert len(bars) == 2
    (points, _, (segments,)), table = bars[0], trials["$T_C$ = 0.5"].counts
    limits = np.array([segment[:, 1] for segment in segments.get_segments()])
    np.testing.assert_allclose(limits, table[["yield_lower", "yield_upper"]])
    # the points of two trials lie beside the dose, on either side
    assert (points.get_xdata() < table["dose_gy"]).all()
    assert (bars[1][0].get_xdata() > table["dose_gy"]).all()


def test_confusion_names_a_reason_in_one_way():
    confusion = pd.DataFrame(
        [[3, 0], [1, 2]],
        index=["few_chromosomes", "covered"],
        columns=["few chromosomes", "particles"],
    )
    ax = filtering.plot_confusion(confusion, ax=Figure().subplots())
    rows = [text.get_text() for text in ax.get_yticklabels()]
    columns = [text.get_text() for text in ax.get_xticklabels()]
    assert rows == columns == ["few chromosomes", "particles"]
    assert not any(line.get_visible() for line in ax.get_xgridlines() + ax.get_ygridlines())


@pytest.mark.parametrize("epochs", [[1], [0, 1], [1, 2, 3]])
def test_epochs_are_whole(epochs):
    columns = ["training_loss", "validation_loss", "training_accuracy", "validation_accuracy"]
    history = pd.DataFrame({"epoch": epochs, **dict.fromkeys(columns, 0.5)})
    axs = Figure().subplots(1, 3)
    filtering.plot_history(history, axs=axs[:2])
    latent.plot_disparity(epochs, np.zeros(len(epochs)), ax=axs[2])
    for ax in axs:
        low, high = ax.get_xlim()
        shown = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert shown == epochs


def test_intervals_leave_room_for_points_at_0_and_1():
    table = pd.DataFrame(
        {"measure": ["precision", "recall"], "source": "both", "mean": [0.0, 1.0]}
    ).assign(lower=[0.0, 0.9], upper=[0.1, 1.0])
    low, high = thresholds.plot_intervals(table, ax=Figure().subplots()).get_xlim()
    assert low < 0
    assert high > 1


@pytest.mark.parametrize("n_members", [2, 8])
def test_scattered_points_of_the_rank_correlation_stay_inside(n_members):
    objects = pd.DataFrame({"class": ["dicentric", "fragment"] * 100})
    objects = objects.assign(latent_entropy=0.3, vote_entropy=np.tile([0.0, np.log(2)], 100))
    unknown = RankCorrelation(np.nan, np.nan, np.nan, 200, 5, 0.95)
    ax = latent.plot_rank_correlation(objects, unknown, ax=Figure().subplots(), n_members=n_members)
    heights = np.concatenate([one.get_offsets()[:, 1] for one in ax.collections])
    low, high = ax.get_ylim()
    assert low < heights.min() - 0.02
    assert high > heights.max() + 0.02
    colours = [to_hex(one.get_facecolor()[0]).upper() for one in ax.collections]
    assert colours == [CLASS_COLOURS["dicentric"], CLASS_COLOURS["fragment"]]
