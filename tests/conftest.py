"""What several test modules use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import ready_command
from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "numpy")  # which reference tests compare with

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000, deadline=None)  # HYPOTHESIS_PROFILE=search pytest ...
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    """Folder of real data kept beside the repository; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real data in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for ``PATH`` with a command ``labelmetrics`` that starts at once, for examples that call many."""
    with ready_command(tmp_path_factory.mktemp("ready") / "bin") as folder:
        yield folder
