"""Settings of the whole test run."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run side by side: torch's own threads would only fight for the cores."""
    torch.set_num_threads(1)
