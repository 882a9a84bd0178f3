"""Each epoch cuts the training rows as the schedule says, for each seed in its own way."""

from __future__ import annotations

import pytest
import torch
from torch.func import vmap

from mbo_core.errors import TaskError
from mbo_core.functional import keys
from mbo_core.functional.batches import check_rows, epochs, examples, iterate, shuffled, slices, step_count, take
from mbo_core.stages import Batch, Data, EncodedSpace, Schedule

ROWS = 23
KEY = keys.key(1)


def data(rows: int = ROWS) -> Data:
    """The row's number is its design and, negative, its score."""
    number = torch.arange(float(rows))
    space = EncodedSpace("continuous", (1,), None, "real", number[:1], number[-1:])
    return Data(number[:, None], -number, space)


def passes(key: torch.Tensor, schedule: Schedule) -> list[list[Batch]]:
    """The batches of each epoch."""
    drawn = list(iterate(key, data(), schedule))
    each = len(drawn) // schedule.epochs
    return [drawn[start : start + each] for start in range(0, len(drawn), each)]


def rows_of(batches: list[Batch]) -> list[int]:
    return torch.cat([batch.x[..., 0].reshape(-1) for batch in batches]).int().tolist()


@pytest.mark.parametrize(
    ("schedule", "sizes"),
    [
        (Schedule(3, 5), [5, 5, 5, 5, 3]),
        (Schedule(3, 5, held_out=4), [5, 5, 5, 4]),
        (Schedule(3, 5, held_out=4, drop_last=True), [5, 5, 5]),
        (Schedule(3, 5, held_out=3, drop_last=True), [5, 5, 5, 5]),
        (Schedule(3, 100), [23]),
        (Schedule(3, 100, drop_last=True), [23]),
    ],
)
def test_an_epoch_has_batches_of_different_rows(schedule, sizes):
    for epoch in passes(KEY, schedule):
        assert [len(batch.y) for batch in epoch] == sizes
        assert len(set(rows_of(epoch))) == sum(sizes)
        for batch in epoch:
            assert torch.equal(batch.y, -batch.x[:, 0])
            assert torch.equal(batch.w, torch.ones_like(batch.y))


def test_held_out_rows_depend_only_on_the_seed():
    """They are the same in all epochs."""
    schedule = Schedule(3, 5, held_out=8)
    trained = [set(rows_of(epoch)) for epoch in passes(KEY, schedule)]
    assert trained[0] == trained[1] == trained[2]
    assert len(trained[0]) == ROWS - 8
    assert trained[0] != set(rows_of(passes(keys.key(2), schedule)[0]))


def test_each_epoch_has_its_own_order():
    """A seed always gives the same orders."""
    schedule = Schedule(3, 5)
    orders = [rows_of(epoch) for epoch in passes(KEY, schedule)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert orders == [rows_of(epoch) for epoch in passes(KEY, schedule)]


@pytest.mark.parametrize("members", [None, 4])
def test_bootstrap_weights_are_normalised_multiplicities(members):
    """They are divided by their mean over the batch."""
    schedule = Schedule(2, 6, held_out=3, members=members, bootstrap=True)
    drawn = shuffled(KEY, examples(KEY, ROWS, schedule), schedule)
    assert torch.equal(drawn.w.sum(-1), torch.full(drawn.w.shape[:-1], 20.0))
    assert len(drawn.w.unique()) > 2
    for part in slices(20, schedule):
        w = take(data(), drawn, part).w
        torch.testing.assert_close(w.mean(-1), torch.ones(w.shape[:-1]))
        torch.testing.assert_close(w * drawn.w[..., part].mean(-1, keepdim=True), drawn.w[..., part])


def test_a_batch_without_bootstrap_rows_weighs_nothing():
    drawn = examples(KEY, ROWS, Schedule(1, 5))
    batch = take(data(), drawn._replace(w=torch.zeros(ROWS)), slice(0, 5))
    assert torch.equal(batch.w, torch.zeros(5))


def test_a_row_keeps_its_multiplicity_in_all_epochs():
    schedule = Schedule(2, 100, bootstrap=True)
    first, second = ({int(x): float(w) for x, w in zip(*one[0][::2], strict=True)} for one in passes(KEY, schedule))
    assert first == second


@pytest.mark.parametrize("bootstrap", [False, True])
def test_members_share_their_batches_and_not_their_bootstrap(bootstrap):
    schedule = Schedule(1, 6, held_out=5, members=4, bootstrap=bootstrap)
    for batch in passes(KEY, schedule)[0]:
        assert batch.x.shape == (6, 1)
        assert batch.y.shape == (6,)
        assert batch.w.shape == (4, 6)
        assert torch.equal(batch.w[0], batch.w[1]) != bootstrap


def test_members_with_own_shuffle_differ():
    """They differ in split and order."""
    schedule = Schedule(2, 6, held_out=5, members=4, shuffle="own")
    first, second = passes(KEY, schedule)
    assert first[0].x.shape == (4, 6, 1)
    assert first[0].y.shape == first[0].w.shape == (4, 6)
    rows = torch.cat([batch.y for batch in first], dim=1).neg().int()
    assert all(len(set(member)) == 18 for member in rows.tolist())
    assert len({frozenset(member) for member in rows.tolist()}) == 4
    assert not torch.equal(first[0].y, second[0].y)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(1, 5, held_out=3, bootstrap=True),
        Schedule(1, 5, held_out=3, members=2, bootstrap=True),
        Schedule(1, 5, held_out=3, members=2, bootstrap=True, shuffle="own"),
    ],
    ids=["alone", "shared", "own"],
)
def test_batches_do_not_depend_on_other_seeds(schedule):
    def batch(key: torch.Tensor) -> tuple[torch.Tensor, ...]:
        draw, order = keys.split(key)
        return take(data(), shuffled(order, examples(draw, ROWS, schedule), schedule), slice(5, 10))[:3]

    together = keys.split(KEY, 3)
    lifted = vmap(batch, randomness="error")(together)
    for i, key in enumerate(together):
        for one, other in zip(lifted, batch(key), strict=True):
            assert torch.equal(one[i], other)
    assert not torch.equal(lifted[1][0], lifted[1][1])


@pytest.mark.parametrize(
    ("schedule", "least"),
    [
        (Schedule(1, 128, held_out=500), 502),
        (Schedule(1, 128), 2),
        (Schedule(1, 128, held_out=20, drop_last=True), 22),
    ],
)
def test_data_that_leave_too_few_rows_are_refused(schedule, least):
    check_rows(schedule, least)
    with pytest.raises(TaskError) as refused:
        check_rows(schedule, least - 1)
    left = least - 1 - schedule.held_out
    fact = f"{least - 1} rows leave {left} to train on after {schedule.held_out} are held out; {left + 1} are needed"
    assert fact in str(refused.value)
    assert "hint: give more data, or lower the option held_out" in str(refused.value)


def test_training_outside_the_core_checks_rows_too():
    with pytest.raises(TaskError, match="0 to train on"):
        list(iterate(KEY, data(), Schedule(1, 5, held_out=ROWS)))


def test_row_weights_reach_the_batches():
    """Their mean over a batch is 1."""
    rows = data()
    weighed = Data(rows.x, rows.y, rows.space, torch.arange(1.0, ROWS + 1))
    for batch in iterate(KEY, weighed, Schedule(1, 5)):
        number = batch.x.squeeze(1) + 1
        torch.testing.assert_close(batch.w, number / number.mean())


@pytest.mark.parametrize(
    ("steps", "sizes"), [(1, [5]), (5, [5, 5, 5, 5, 3]), (7, [5, 5, 5, 5, 3, 5, 5]), (10, [5, 5, 5, 5, 3] * 2)]
)
def test_steps_count_in_place_of_epochs(steps, sizes):
    """Their batches are those of the passes that they begin."""
    schedule, passes = Schedule(1, 5, steps=steps), Schedule(3, 5)
    found = list(iterate(KEY, data(), schedule))
    assert [len(batch.y) for batch in found] == sizes
    assert step_count(ROWS, schedule) == steps
    for one, other in zip(found, iterate(KEY, data(), passes), strict=False):
        assert torch.equal(one.x, other.x)


@pytest.mark.parametrize("rows", [4, 1_000_000])
def test_steps_do_not_depend_on_the_rows(rows):
    """A batch has at most all rows."""
    schedule = Schedule(0, 128, held_out=1, steps=3, drop_last=True)
    found = [len(batch.y) for batch in iterate(KEY, data(rows), schedule)]
    assert found == [min(128, rows - 1)] * 3


@pytest.mark.parametrize(
    ("epochs", "steps", "trains"), [(0, None, False), (1, None, True), (0, 1, True), (1, 0, False)]
)
def test_a_schedule_tells_whether_it_trains(epochs, steps, trains):
    assert Schedule(epochs, 5, steps=steps).trains == trains


def test_stacked_seeds_have_their_own_epochs():
    """Epochs and keys are those of each seed alone."""
    schedule, three = Schedule(2, 6, held_out=3, members=2, bootstrap=True), keys.split(KEY, 3)
    together = list(epochs(three, ROWS, schedule, vmap))
    for seed, key in enumerate(three):
        for alone, among in zip(epochs(key, ROWS, schedule), together, strict=True):
            assert torch.equal(alone.order.rows, among.order.rows[seed])
            assert torch.equal(alone.order.w, among.order.w[seed])
            for (part, one), (same, each) in zip(alone.steps(), among.steps(), strict=True):
                assert part == same
                assert torch.equal(one, each[seed])


def test_each_step_has_its_own_key():
    """The number of steps is known in advance."""
    schedule = Schedule(3, 6, held_out=3)
    found = {tuple(key.tolist()) for epoch in epochs(KEY, ROWS, schedule) for _, key in epoch.steps()}
    assert len(found) == step_count(ROWS, schedule) == 12
