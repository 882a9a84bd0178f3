"""What `import mbo_core as mbo` gives."""

from __future__ import annotations

import mbo_core as mbo
import mbo_core.runs.execute


def test_the_surface_is_exported_and_complete():
    assert dir(mbo) == sorted(mbo.__all__)
    assert all(hasattr(mbo, name) for name in mbo.__all__)
    assert "runs" not in dir(mbo)
