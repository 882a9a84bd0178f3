"""The keys are Threefry as published, never collide, and do not notice being lifted."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import keys

KEY = keys.key(5)
MANY = 100_000

# Random123's tests/kat_vectors, "threefry2x32 20".
KNOWN_ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]

LOGITS = torch.tensor([0.5, -torch.inf, 1.0, 0.0]).repeat(7, 1)

DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "split": lambda key: keys.split(key, 3),
    "fold_in": lambda key: keys.fold_in(key, 12),
    "fold_in many": lambda key: keys.fold_in(key, torch.arange(4)),
    "bits": lambda key: keys.bits(key, (3, 5)),
    "bits ()": lambda key: keys.bits(key, ()),
    "bits (0,)": lambda key: keys.bits(key, (0,)),
    "uniform": lambda key: keys.uniform(key, (3, 11)),
    "normal": lambda key: keys.normal(key, (33, 31)),
    "permutation": lambda key: keys.permutation(key, 17),
    "permutation of none": lambda key: keys.permutation(key, 0),
    "randint": lambda key: keys.randint(key, (13,), 6),
    "bootstrap": lambda key: keys.bootstrap(key, 19),
    "bootstrap of none": lambda key: keys.bootstrap(key, 0),
    "categorical": lambda key: keys.categorical(key, LOGITS),
}

draws = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


def kolmogorov(sample: Tensor, distribution: Callable[[Tensor], Tensor]) -> float:
    """The largest distance of the empirical distribution, times sqrt(n): above 1.95 by chance once in 1000."""
    n = len(sample)
    expected = distribution(sample.double().sort().values)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return n**0.5 * max((expected - steps[:-1]).abs().max().item(), (steps[1:] - expected).abs().max().item())


def distinct(blocks: Tensor) -> int:
    return len({tuple(words) for words in blocks.tolist()})


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN_ANSWERS)
def test_threefry_gives_the_published_answers(counter, key, block):
    assert keys.threefry2x32(torch.tensor(key), torch.tensor(counter)).tolist() == list(block)


def test_threefry_takes_counters_of_any_shape():
    counters, key, blocks = (torch.tensor(column) for column in zip(*KNOWN_ANSWERS, strict=True))
    every_pair = keys.threefry2x32(key[2], counters[None].expand(4, 3, 2))
    assert every_pair.shape == (4, 3, 2)
    assert torch.equal(every_pair[1, 2], blocks[2])
    assert torch.equal(vmap(keys.threefry2x32)(key, counters), blocks)


@pytest.mark.parametrize(
    ("seed", "words"), [(0, [0, 0]), (5, [0, 5]), (2**32 + 5, [1, 5]), (2**64 - 1, [2**32 - 1, 2**32 - 1])]
)
def test_a_seed_becomes_its_two_words(seed, words):
    assert keys.key(seed).tolist() == words


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        *((keys.key, (seed,)) for seed in (-1, 2**64)),
        *((keys.fold_in, (KEY, number)) for number in (-1, 2**63)),
        *((keys.randint, (KEY, (2,), high)) for high in (0, 2**31 + 1)),
    ],
)
def test_numbers_out_of_range_are_refused(function, arguments):
    with pytest.raises(ValueError, match="integer from"):
        function(*arguments)


@draws
def test_lifted_draws_equal_single_ones_to_the_bit(draw):
    seeds = keys.split(keys.key(3), 16)
    one_by_one = torch.stack([draw(seed) for seed in seeds])
    assert torch.equal(vmap(draw, randomness="error")(seeds), one_by_one)
    assert torch.equal(vmap(draw, in_dims=1, randomness="error")(seeds.T), one_by_one)
    twice = vmap(vmap(draw, randomness="error"), randomness="error")(seeds.reshape(4, 4, 2))
    assert torch.equal(twice.flatten(0, 1), one_by_one)


@pytest.mark.parametrize("many", [1, 3, 16, 17, 40])
def test_integers_and_tensors_give_the_same_blocks(many):
    """Few blocks are enciphered as integers, many and those under `vmap` as tensors."""
    keys_ = keys.split(KEY, 40)[:many]
    lifted = vmap(lambda key: keys.fold_in(key, 2**40 + 7), randomness="error")(keys_)
    assert torch.equal(keys.fold_in(keys_, 2**40 + 7), lifted)
    assert torch.equal(keys.split(KEY, many), keys.split(KEY, 40)[:many])


@draws
def test_draws_do_not_change_any_generator(draw):
    """Neither the key nor torch's global generator."""
    key, before = keys.key(3), torch.get_rng_state()
    draw(key)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(key, keys.key(3))


@draws
def test_draws_work_inside_a_gradient(draw):
    slope = torch.func.grad(lambda x: (x * draw(keys.key(3))).sum())(torch.tensor(1.0))
    torch.testing.assert_close(slope, draw(keys.key(3)).sum().float())


@draws
def test_draws_use_the_device_of_the_key(draw):
    # A meta tensor refuses to meet tensors of other devices, as an accelerator's does.
    if draw is not DRAWS["categorical"]:
        assert draw(keys.key(3, device="meta")).device.type == "meta"


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (2, 3), (3, 0, 2), (7, 1, 3)])
@pytest.mark.parametrize("draw", [keys.bits, keys.uniform, keys.normal, lambda k, s: keys.randint(k, s, 9)])
def test_every_shape_can_be_drawn(draw, shape):
    assert draw(keys.key(1), shape).shape == shape


def test_uses_of_one_key_share_no_block():
    blocks = keys.bits(KEY, (2, 1000)).T
    folds = torch.stack([keys.fold_in(KEY, number) for number in range(1000)])
    high_folds = torch.stack([keys.fold_in(KEY, number << 32) for number in range(1, 1000)])
    apart = torch.cat([KEY[None], blocks, keys.split(KEY, 1000), folds, high_folds])
    assert distinct(apart) == len(apart)


def test_children_have_streams_of_their_own():
    family = torch.cat([KEY[None], keys.split(KEY, 30), vmap(lambda n: keys.fold_in(KEY, n))(torch.arange(30))])
    blocks = torch.cat([keys.bits(member, (2, 100)).T for member in family])
    assert distinct(blocks) == len(blocks)


def test_neighbouring_streams_are_uncorrelated():
    seeds = torch.stack([keys.key(seed) for seed in range(20)])
    streams = vmap(lambda key: keys.normal(key, (10_000,)))(torch.cat([seeds, keys.split(KEY, 20)]))
    correlation = torch.corrcoef(streams).fill_diagonal_(0)
    assert correlation.abs().max() < 0.045


def test_first_children_are_independent_of_their_number():
    assert torch.equal(keys.split(KEY, 16)[:3], keys.split(KEY, 3))


@pytest.mark.parametrize("number", [0, 7, 2**31, 2**32 + 1, 2**63 - 1])
def test_numbers_and_tensors_fold_alike(number):
    folded = keys.fold_in(KEY, number)
    assert torch.equal(keys.fold_in(KEY, torch.tensor(number)), folded)
    assert torch.equal(vmap(keys.fold_in, in_dims=(None, 0))(KEY, torch.tensor([number]))[0], folded)


def test_bits_are_fair_and_fill_the_word():
    words = keys.bits(KEY, (MANY,))
    assert words.dtype == torch.int64
    assert (words >> 32 == 0).all()
    ones = (words[:, None] >> torch.arange(32) & 1).double().mean(0)
    # Four and a half standard errors: 32 bits exceed them once in 5000.
    assert (ones - 0.5).abs().max() < 4.5 * 0.5 / MANY**0.5


def test_uniform_is_uniform():
    sample = keys.uniform(KEY, (MANY,))
    assert sample.dtype == torch.float32
    assert kolmogorov(sample, lambda x: x) < 1.95
    assert sample.var().item() == pytest.approx(1 / 12, rel=0.01)


def test_normal_is_normal():
    sample = keys.normal(KEY, (MANY,))
    assert sample.dtype == torch.float32
    assert kolmogorov(sample, torch.special.ndtr) < 1.95
    assert abs(sample.mean().item()) < 3 / MANY**0.5
    assert sample.var().item() == pytest.approx(1, abs=3 * (2 / MANY) ** 0.5)
    assert (sample**4).mean().item() == pytest.approx(3, abs=3 * (96 / MANY) ** 0.5)


@pytest.mark.parametrize("word", [0, 1, 2**31, 2**32 - 1])
def test_no_word_leaves_the_range(word, monkeypatch):
    monkeypatch.setattr(keys, "bits", lambda key, shape: torch.full(tuple(shape), word))
    assert keys.normal(KEY, ()).isfinite()
    assert keys.categorical(KEY, torch.tensor([-torch.inf, 0.0])) == 1
    assert 0 <= keys.randint(KEY, (), 2**31) < 2**31


def test_every_bit_of_a_word_has_its_weight(monkeypatch):
    monkeypatch.setattr(keys, "bits", lambda key, shape: torch.tensor([0, 2**8, 2**31, 2**32 - 1]))
    assert keys.uniform(KEY, (4,)).tolist() == [0, 2**-24, 0.5, 1 - 2**-24]
    assert keys.randint(KEY, (4,), 6).tolist() == [0, 0, 3, 5]
    assert keys.normal(KEY, (4,))[[0, 3]].tolist() == pytest.approx([-5.42, 5.42], abs=0.01)


def test_permutations_are_permutations_with_every_place_alike():
    orders = vmap(lambda key: keys.permutation(key, 10))(keys.split(KEY, 20_000))
    assert (orders.sort(1).values == torch.arange(10)).all()
    places = torch.nn.functional.one_hot(orders).sum(0)
    # 81 degrees of freedom: chi-square exceeds 126 once in 1000.
    assert ((places - 2000) ** 2 / 2000).sum() < 126


def test_integers_are_uniform():
    sample = keys.randint(KEY, (MANY,), 7)
    counts = torch.bincount(sample, minlength=7)
    assert len(counts) == 7
    # 6 degrees of freedom: chi-square exceeds 22.5 once in 1000.
    assert ((counts - MANY / 7) ** 2 / (MANY / 7)).sum() < 22.5


def test_a_bootstrap_draws_n_of_n_with_replacement():
    counts = keys.bootstrap(KEY, MANY)
    assert counts.dtype == torch.float32
    assert counts.sum() == MANY
    # The multiplicities are Poisson with mean 1 in the limit.
    assert (counts == 0).float().mean().item() == pytest.approx(0.3679, abs=0.004)
    assert (counts == 2).float().mean().item() == pytest.approx(0.1839, abs=0.004)


def test_a_bootstrap_draws_every_row_alike():
    counts = vmap(lambda key: keys.bootstrap(key, 10))(keys.split(KEY, 20_000)).sum(0)
    # 9 degrees of freedom: chi-square exceeds 27.9 once in 1000.
    assert ((counts - 20_000) ** 2 / 20_000).sum() < 27.9


def test_classes_follow_the_softmax():
    """Impossible classes are never drawn."""
    sample = keys.categorical(KEY, LOGITS[0].expand(MANY, 4))
    counts = torch.bincount(sample, minlength=4)
    expected = MANY * LOGITS[0].softmax(0)
    assert counts[1] == 0
    # 2 degrees of freedom: chi-square exceeds 13.8 once in 1000.
    assert ((counts - expected) ** 2 / expected)[[0, 2, 3]].sum() < 13.8


def test_rare_classes_come_as_often_as_they_should():
    logits = torch.tensor([0.0, -8.0]).expand(1_000_000, 2)
    expected = 1_000_000 * logits[0].softmax(0)[1].item()
    drawn = keys.categorical(KEY, logits).sum().item()
    assert drawn == pytest.approx(expected, abs=3 * expected**0.5)


@pytest.mark.parametrize("shape", [(4,), (2, 4), (3, 0, 4), (2, 1, 4)])
def test_classes_are_drawn_for_every_leading_axis(shape):
    drawn = keys.categorical(KEY, torch.zeros(shape, dtype=torch.float64))
    assert drawn.shape == shape[:-1]
    assert drawn.dtype == torch.int64


def test_lending_seeds_and_restores_global_generators():
    def drawn():
        return [torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()]

    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    undisturbed = [drawn(), drawn()]
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    first = drawn()
    with keys.lend(keys.key(5)):
        lent = drawn()
    with keys.lend(keys.key(6)):
        other = drawn()
    assert [first, drawn()] == undisturbed
    with keys.lend(keys.key(5)):
        assert drawn() == lent
    for one, another in zip(lent, other, strict=True):
        assert one != another
