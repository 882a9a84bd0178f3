"""What every plugin has to keep, see `mbo_core.testing`."""

from mbo_core.testing import conformance

test_conformance = conformance("bench")
