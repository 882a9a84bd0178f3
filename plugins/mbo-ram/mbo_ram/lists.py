"""How the rows of a batch make lists."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import keys
from mbo_core.stages import Key


class Lists(NamedTuple):
    """Lists of the rows of a batch."""

    rows: Tensor
    """(lists, m) int64, the numbers of the rows."""
    there: Tensor
    """(lists, m) whether a place holds a row, as the last list may be shorter."""


def cut(count: int, length: int, device: torch.device) -> Lists:
    """All rows in order, cut into as few lists of at most `length` rows as possible, about equally long.

    >>> cut(5, 3, torch.device("cpu"))
    Lists(rows=tensor([[0, 1, 2],
            [3, 4, 4]]), there=tensor([[ True,  True,  True],
            [ True,  True, False]]))
    """
    lists = -(-count // length)
    places = torch.arange(lists * -(-count // lists), device=device).reshape(lists, -1)
    return Lists(places.clamp(max=count - 1), places < count)


def drawn(key: Key, count: int, lists: int, length: int) -> Lists:
    """Lists of `length` rows, each drawn from all rows without replacement; one list of all rows if there are no more.

    The list augmentation of RaM (arXiv:2410.11502, section 3.3).
    """
    if count <= length:
        return cut(count, length, key.device)
    rows = vmap(lambda one: keys.permutation(one, count)[:length])(keys.split(key, lists))
    return Lists(rows, torch.ones_like(rows, dtype=torch.bool))
