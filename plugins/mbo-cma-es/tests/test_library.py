"""Given the same samples a run is that of the library `cma`, generation by generation, to its end."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from mbo_cma_es import law as laws
from mbo_cma_es import stopping
from mbo_cma_es.law import Ranked
from mbo_cma_es.run import Drawn, Search
from mbo_cma_es.shape import Full, Separable
from mbo_cma_es.strategy import population_of, strategy

from mbo_core.functional import keys

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses matplotlib, which it needs for plots alone
    import cma


def library(d: int, sigma: float = 0.5, **options):
    """Its search from the same start as ours, which has no equal eigenvalues to part by a ten-thousandth."""
    search = cma.CMAEvolutionStrategy(begin(d).numpy(), sigma, {"verbose": -10, "seed": 1, **options})
    if search.sm.C.ndim == 2:
        search.sm.C, search.sm.D, search.sm.B = np.eye(d), np.ones(d), np.eye(d)
    return search


def begin(d: int):
    return torch.linspace(-1, 2, d, dtype=torch.float64)


def ill_conditioned(x):
    """A cost whose axes are not those of the coordinates."""
    d = x.shape[1]
    turned = torch.linalg.qr(torch.vander(torch.linspace(-1, 1, d, dtype=x.dtype)).T + torch.eye(d)).Q
    return (((x - 0.3) @ turned) ** 2 * torch.logspace(0, 2, d)).sum(1)


def told(search, x, cost) -> None:
    search.ask()
    # Unasked, it would shorten samples that are not its own.
    search.tell(list(x.numpy()), cost.tolist(), check_points=False)


def close(law, search, rtol: float) -> None:
    theirs = (search.mean, search.sigma, search.sm.C, search.adapt_sigma.ps, search.pc, float(search.countiter))
    for one, other in zip(law, theirs, strict=True):
        torch.testing.assert_close(one, torch.as_tensor(other, dtype=torch.float64), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("d", [2, 5, 24, 30, 56, 60, 86, 87, 88, 150, 256])
def test_the_constants_are_those_of_the_library(d):
    same_constants(library(d), strategy(d, population_of(d), separable=False))
    assert population_of(d) == 4 + int(3 * np.log(d))


@pytest.mark.parametrize(("d", "population"), [(5, 6), (5, 20), (24, 7), (24, 40), (86, 60)])
def test_constants_for_any_population_match_the_library(d, population, monkeypatch):
    # What it multiplies the damping of larger populations by since 3.0.3.
    monkeypatch.setattr(cma.sigma_adaptation, "_CSA_dampfac_mueff_inner", 1)
    same_constants(library(d, popsize=population), strategy(d, population, separable=False))


def same_constants(theirs, ours) -> None:
    rates = theirs.sm.parameters()
    assert len(ours.weights) == theirs.popsize
    np.testing.assert_allclose(ours.weights, theirs.sp.weights, rtol=1e-12, atol=1e-15)
    found = (theirs.sp.weights.mueff, theirs.adapt_sigma.cs, theirs.adapt_sigma.damps, theirs.sp.cc)
    np.testing.assert_allclose(ours[1:7], (*found, rates["c1"], rates["cmu"]), rtol=1e-12)
    assert ours.shared == max(1, np.ceil(theirs.sm.lazy_update_gap))


def test_separable_rates_match_the_library():
    for d in (5, 86, 300, 5126):
        theirs = cma.CMAEvolutionStrategy(np.zeros(d), 0.5, {"verbose": -10, "CMA_diagonal": True}).sp
        ours = strategy(d, population_of(d), separable=True)
        np.testing.assert_allclose(ours[4:7], (theirs.cc_sep, theirs.c1_sep, theirs.cmu_sep), rtol=1e-12)
        assert ours.shared == 1


@pytest.mark.parametrize(("d", "rtol"), [(2, 1e-9), (5, 1e-9), (24, 1e-9), (86, 1e-9), (150, 1e-6)])
def test_a_law_moves_as_the_librarys(d, rtol):
    shape, constants, search = Full(), strategy(d, population_of(d), separable=False), library(d)
    law = laws.start(begin(d), 0.5, shape)
    for step in range((24 if d < 100 else 6) // constants.shared):
        z = keys.normal(keys.key(step), (constants.shared, search.popsize, d)).double()
        y, _ = shape.stretch(law.covariance, z)
        for number in range(constants.shared):
            x = law.mean + law.sigma * y[number]
            cost = ill_conditioned(x)
            best = cost.argsort()
            told(search, x, cost)
            law = laws.adapt(law, Ranked(z[number][best], y[number][best]), constants, shape)
            close(law, search, rtol)


def test_leap_lengthens_steps_as_in_the_library():
    d = 5
    shape, constants, search = Full(), strategy(d, population_of(d), separable=False), library(d)
    law = laws.start(begin(d), 0.5, shape)
    for step, leap in enumerate((1, 1, 20, 1, 1)):
        z = leap * keys.normal(keys.key(step), (search.popsize, d)).double()
        y, _ = shape.stretch(law.covariance, z)
        best = (cost := ill_conditioned(x := law.mean + law.sigma * y)).argsort()
        told(search, x, cost)
        before, law = law, laws.adapt(law, Ranked(z[best], y[best]), constants, shape)
        close(law, search, 1e-9)
        growth = (law.sigma / before.sigma).item()
        assert growth == pytest.approx(math.e) if leap == 20 else growth < math.e + 1e-9


def test_a_separable_law_moves_as_the_librarys_sampler():
    d = 8
    shape, constants = Separable(), strategy(d, population_of(d), separable=True)
    # Of negative weights that sampler takes the lengths after the decay; see the next test.
    constants = constants._replace(weights=tuple(max(w, 0.0) for w in constants.weights))
    search = library(d, CMA_sampler=cma.sampler.GaussDiagonalSampler)
    # The library has it learn as slowly as a full covariance.
    rates = {"c1": constants.rank_one_rate, "cmu": constants.rank_mu_rate}
    search.sm.parameters = lambda **_: rates
    search.sp.cc, search.sp.weights[:] = constants.path_rate, constants.weights
    law = laws.start(begin(d), 0.5, shape)
    for generation in range(30):
        z = keys.normal(keys.key(generation), (search.popsize, d)).double()
        x = law.mean + law.sigma * (y := shape.stretch(law.covariance, z)[0])
        best = (cost := ill_conditioned(x)).argsort()
        told(search, x, cost)
        law = laws.adapt(law, Ranked(z[best], y[best]), constants, shape)
        close(law, search, 1e-9)
    assert law.covariance.max() > 2 * law.covariance.min()


def test_separable_law_moves_as_a_diagonal_one():
    d = 8
    constants = strategy(d, population_of(d), separable=True)
    law = laws.start(begin(d), 0.5, Separable())._replace(covariance=torch.linspace(0.1, 3, d, dtype=torch.float64))
    z = keys.normal(keys.key(0), (len(constants.weights), d)).double()
    ranked = Ranked(z, Separable().stretch(law.covariance, z)[0])
    whole = law._replace(covariance=law.covariance.diag())
    torch.testing.assert_close(Full().stretch(whole.covariance, z)[0], ranked.y)
    one, other = laws.adapt(law, ranked, constants, Separable()), laws.adapt(whole, ranked, constants, Full())
    torch.testing.assert_close(one, other._replace(covariance=other.covariance.diagonal()))


@pytest.mark.parametrize(
    ("reason", "d", "cost"),
    [
        ("tolfacupx", 5, lambda x: x.sum(1)),
        ("tolflatfitness", 5, lambda x: (torch.arange(len(x)) == 2).double()),
        ("tolfun", 2, lambda x: (x**2).sum(1)),
        ("tolfun", 5, lambda x: torch.full_like(x[:, 0], -0.3)),
        ("tolx", 2, lambda x: 1e20 * (x**2).sum(1)),
        ("tolfunhist", 3, lambda x: torch.where(torch.arange(len(x)) == 3, -7.0, (x**2).sum(1))),
        # Six of eight equal scores do not make a generation flat; seven would.
        ("tolfunhist", 5, lambda x: (torch.arange(len(x)) > 5).double()),
        ("tolflatfitness", 5, lambda x: (torch.arange(len(x)) > 6).double()),
        ("maxiter", 24, ill_conditioned),
    ],
)
def test_run_ends_with_the_librarys_best(reason, d, cost):
    generations = 100 if reason == "maxiter" else 1000
    constants, theirs = strategy(d, population_of(d), separable=False), library(d, maxiter=generations)
    search = Search(constants, Full(), 0.5, generations)
    run = search.start(begin(d), torch.tensor(-torch.inf, dtype=torch.float64))
    while not theirs.stop():
        assert not run.stopped
        drawn = search.draw(keys.fold_in(keys.key(0), theirs.countiter), run)
        drawn = Drawn(drawn.z[0], drawn.y[0], drawn.condition)
        x = search.designs(run, drawn.y)
        told(theirs, x, cost(x))
        run = search.tell(run, drawn, x, -cost(x))
    assert reason in theirs.stop()
    assert run.stopped == (reason != "maxiter")
    assert run.law.generation == theirs.countiter
    assert -run.best_score == theirs.result.fbest
    assert np.array_equal(run.best_x, theirs.result.xbest)
    again = search.tell(run, drawn, x, torch.full((len(x),), 1e9, dtype=torch.float64))
    assert all(torch.equal(*pair) for pair in zip((*run.law, *run[2:]), (*again.law, *again[2:]), strict=True))


@pytest.mark.parametrize(
    ("reason", "sigma", "variances", "path", "ends"),
    [
        ("tolx", 5e-12, (1, 1), (0, 1), True),
        ("tolx", 5e-12, (1, 9), (0, 1), False),
        ("tolx", 5e-12, (1, 1), (0, 5), False),
        ("tolx", 5e-12, (1, 1), (0, -5), True),  # the library leaves out the path's sign
        ("tolfacupx", 1, (1, 251_000), (0, 1), True),
        ("tolfacupx", 1, (1, 249_000), (0, 1), False),
        ("tolconditioncov", 1, (1e-14, 1.1), (0, 1), True),
        ("tolconditioncov", 1, (1e-14, 0.9), (0, 1), False),
    ],
)
def test_stopping_by_law_matches_the_library(reason, sigma, variances, path, ends):
    theirs, shape, scores = library(2), Full(), torch.linspace(0, -1, 6, dtype=torch.float64)
    told(theirs, begin(2) + torch.linspace(0, 1, 12, dtype=torch.float64).reshape(6, 2), -scores)
    theirs.sigma, theirs.pc, theirs.dC, theirs.D = sigma, np.array(path), np.array(variances), np.sqrt(variances)
    assert (reason in theirs.stop()) == ends
    covariance = torch.tensor(variances, dtype=torch.float64).diag()
    law = laws.start(begin(2), sigma, shape)._replace(covariance=covariance, path=torch.tensor(path).double())
    history = stopping.History(torch.tensor([0.0, 1.0]).double(), torch.tensor(0.0).double())
    _, condition = shape.stretch(covariance, begin(2))
    assert stopping.ended(law, history, scores, condition, 0.5, shape) == ends
