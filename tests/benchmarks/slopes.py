"""How much faster COMs' mining is with the slope of its network in closed form than by autograd, side by side.

    python tests/benchmarks/slopes.py [WIDTH ...]

For batches of 128 designs of 86 inputs, two hidden layers and 50 steps it prints, for each width and for one and eight
seeds at once, the milliseconds of processor time both ways and their ratio, the best of a few turns each. The designs
that are mined are the same to the last bit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from mbo_coms.adversary import DesignAscent
from torch import Tensor
from torch.func import vmap

from mbo_core.functional import keys, precision
from mbo_core.functional.nets import PointMLP
from mbo_core.stages import Batch, Mined, Model

INPUTS, BATCH, TURNS = 86, 128, 5


def mining(model: Model, params: object) -> Callable[[], Tensor]:
    """Mines a batch for each of the stacked networks."""
    x = keys.normal(keys.key(1), (BATCH, INPUTS))
    batch, adversary = Batch(x, x[:, 0], torch.ones(BATCH)), DesignAscent()

    def mined(params: object) -> Tensor:
        return adversary.mine(keys.key(2), (), model, Mined(params, x), batch)[0].x

    return lambda: vmap(mined)(params)


def milliseconds(work: Callable[[], Tensor]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def main() -> None:
    with precision.fast_products():
        for width in [int(word) for word in sys.argv[1:]] or [64, 256, 2048]:
            net = PointMLP((width, width), "relu")
            for count in (1, 8):
                params = vmap(lambda key, net=net: net.init(key, INPUTS))(keys.split(keys.key(0), count))
                closed = mining(net.model(), params)
                autograd = mining(net.model()._replace(closed_input_gradient=None), params)
                assert torch.equal(closed(), autograd())
                times = [(milliseconds(closed), milliseconds(autograd)) for _ in range(TURNS)]
                fast, slow = map(min, zip(*times, strict=True))
                ratio = f"{fast:.1f} ms, by autograd {slow:.1f}, ratio {slow / fast:.2f}"
                print(f"width {width}, seeds {count}: {ratio}")


if __name__ == "__main__":
    main()
