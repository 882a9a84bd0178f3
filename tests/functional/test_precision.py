"""Faster products are used only where they are exact enough, and the setting is put back."""

from __future__ import annotations

import pytest
import torch

from mbo_core.functional.precision import TOLERANCE, error_of, fast_products


@pytest.fixture(params=["highest", "high"])
def before(request):
    found = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(found)


@pytest.mark.parametrize(("error", "medium"), [(0.9 * TOLERANCE, True), (TOLERANCE, False), (2e-3, False)])
def test_the_fast_setting_needs_a_small_error(error, medium, before, monkeypatch):
    monkeypatch.setattr("mbo_core.functional.precision.error_of", {"medium": error}.__getitem__)
    with fast_products() as setting:
        assert setting == torch.get_float32_matmul_precision() == ("medium" if medium else before)
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_setting_is_put_back_after_an_error(error, before, monkeypatch):
    monkeypatch.setattr("mbo_core.functional.precision.error_of", {"medium": 0.0}.__getitem__)
    with pytest.raises(error), fast_products():
        raise error
    assert torch.get_float32_matmul_precision() == before


def test_the_exact_setting_has_float32_error(before):
    """Measuring does not change the setting."""
    assert 1e-8 < error_of.__wrapped__("highest") < 2e-6
    assert torch.get_float32_matmul_precision() == before


def test_the_measured_error_is_that_of_the_setting(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("torch.set_float32_matmul_precision", asked.append)
    error_of.__wrapped__("medium")
    assert asked == ["medium", torch.get_float32_matmul_precision()]
