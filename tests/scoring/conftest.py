"""What the tests of scoring share: one ensemble, and one thread, so that sums are the same."""

import pytest
import torch
from scoring_set import write_run


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def members(tmp_path_factory):
    """A run of four members and an operating point."""
    return write_run(tmp_path_factory.mktemp("run"))
