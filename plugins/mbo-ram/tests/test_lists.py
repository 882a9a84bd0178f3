"""Rows make lists: all of them, once each, or drawn."""

from __future__ import annotations

import pytest
import torch
from mbo_ram.lists import cut, drawn
from torch.func import vmap

from mbo_core.functional import keys

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("count", "length", "shape"),
    [(1, 1, (1, 1)), (3, 8, (1, 3)), (8, 8, (1, 8)), (9, 8, (2, 5)), (1000, 256, (4, 250)), (10, 3, (4, 3))],
)
def test_cutting_uses_each_row_once(count, length, shape):
    rows, there = cut(count, length, CPU)
    assert rows.shape == there.shape == shape
    assert rows[there].tolist() == list(range(count))


def test_drawing_repeats_no_row_of_a_list():
    rows, there = drawn(keys.key(0), 50, 6, 20)
    assert rows.shape == (6, 20)
    assert there.all()
    assert all(len(set(row)) == 20 for row in rows.tolist())
    assert len(set(rows.flatten().tolist())) > 40
    assert not torch.equal(rows, drawn(keys.key(1), 50, 6, 20).rows)


def test_drawing_from_few_rows_takes_all_of_them():
    assert drawn(keys.key(0), 20, 6, 20).rows.tolist() == [list(range(20))]


def test_seeds_together_draw_as_alone():
    seeds = keys.split(keys.key(0), 3)
    together = vmap(lambda key: drawn(key, 30, 4, 7).rows, randomness="error")(seeds)
    assert torch.equal(together, torch.stack([drawn(key, 30, 4, 7).rows for key in seeds]))
