"""Kill runs at random moments, fill their disk at each write, go on with them, and compare with an undisturbed run.

    python tests/reliability/kills.py [--each 3] [--writes 6] [--mounts 0] [--seed 0] [METHOD]
    python tests/reliability/kills.py --full

A run of 16 seeds in four groups on a made table, about a second of work, gets SIGKILL, SIGTERM, SIGINT or SIGHUP at a
random moment, `--each` of each; a third of them again while they go on. Then it goes on, by `--resume` or by the same
command. `--writes` runs find the disk full from one of their writes on, which writes half; `--mounts` runs are stored
on a small tmpfs, which needs root. After every kill no file that the record knows may be missing or changed; at the
end all checksums hold, seeds that were done are as they were, and all designs equal those of the undisturbed run to
the last bit. It prints counts, and each fault; the exit code is 1 if there is one. `--full` is 60 of each signal, each
write and 12 mounts.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

import mbo_core as mbo
from mbo_core.cli import main as mbo_command
from mbo_core.runs import checkpoints, seeds
from mbo_core.runs.checksums import RECORD, UNKNOWN
from mbo_core.runs.condition import unfinished
from mbo_core.runs.lock import LOCK
from mbo_core.runs.progress import Progress
from mbo_core.runs.store import Folder

SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")
SEEDS, GROUP = 16, 4
PATIENCE = 300.0
"""Seconds after which a process hangs."""

Prepare = Callable[[], None]


def nothing() -> None:
    """Prepare nothing."""


@dataclass
class Trials:
    """The undisturbed run, and what was found in the others.

    Attributes:
        home: where the runs are stored.
        method: the method.
        random: the moments.
        expected: of each seed, the tensors of the undisturbed run.
        seconds: how long it worked.
        faults: one sentence each.
        counts: what happened how often.
    """

    home: Path
    method: str
    random: Random
    expected: dict[int, dict[str, torch.Tensor]] = field(default_factory=dict)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def command(self, folder: Path) -> list[str]:
        """The arguments of `mbo`."""
        sets = ("--set", "proxy.steps=10", "--set", "update.steps=6")
        about = ("--task", str(self.home / "table.csv"), "--target", "y", "--preset", "table", "--seeds", str(SEEDS))
        return ["run", self.method, *about, *sets, "--out", str(folder)]

    def undisturbed(self) -> None:
        """The run to compare with."""
        folder = self.home / "undisturbed"
        start = time.perf_counter()
        code = wait(self.start(self.command(folder)))
        assert code == 0, log_of(folder).read_text()
        begun = (folder / "recipe.toml").stat().st_mtime
        self.seconds = max(time.time() - begun, time.perf_counter() - start)
        self.expected = designs(folder)
        self.check(folder, "undisturbed", {})

    def tell(self, what: str) -> None:
        """Say how far it is."""
        sys.stderr.write(f"{what}: {len(self.faults)} faults {self.faults[-1:]}\n")

    def start(self, arguments: list[str], prepare: Prepare = nothing) -> int:
        """Fork a process that runs `mbo`; its number."""
        return forked(arguments, log_of(Path(arguments[-1])), prepare)

    def killed(self, name: str, number: int) -> None:
        """One run that gets a signal, and goes on."""
        folder, label = self.home / f"{name}-{number}", f"{name} {number}"
        self._struck(self.start(self.command(folder)), folder, name, label)
        if unfinished(folder) and self.random.random() < 1 / 3:
            self._struck(self.start(self.again(folder)), folder, name, f"{label}, second")
        self.goes_on(folder, label)

    def _struck(self, process: int, folder: Path, name: str, label: str) -> None:
        while not (folder / "recipe.toml").exists() and not ended(process):
            time.sleep(0.001)
        time.sleep(self.random.uniform(0, self.seconds))
        with suppress(ProcessLookupError):
            os.kill(process, getattr(signal, name))
        code = wait(process)
        self.counts[f"{name}: exit code {code}"] += 1
        self.counts[f"{name}: the record says {status(folder)}"] += 1
        self._no_traceback(folder, label)
        self._known_files_hold(folder, label)

    def again(self, folder: Path) -> list[str]:
        """The command that goes on: by the folder's name, or the same command."""
        by_name = unfinished(folder) and self.random.random() < 1 / 2
        return ["run", "--resume", str(folder)] if by_name else self.command(folder)

    def goes_on(self, folder: Path, label: str) -> None:
        """Go on with a run to its end, unless it was there already, and check it."""
        done = {seed: self._read(folder, seed, label) for seed in acknowledged(folder)}
        self.counts["seeds that were done when a run went on"] += len(done)
        command = self.again(folder)
        code = 0 if status(folder) == "done" else wait(self.start(command))
        if code == 0:
            self.check(folder, label, done)
            self.counts["runs that went on to the end"] += 1
        else:
            last = " / ".join(log_of(folder).read_text().strip().splitlines()[-3:])
            self.faults.append(f"{label}: `mbo {' '.join(command[:2])}` ended with {code}: {last}")

    def _read(self, folder: Path, seed: int, label: str) -> dict[str, torch.Tensor]:
        try:
            return Folder(folder).load_seed(seed)
        except mbo.MboError as error:
            self.faults.append(f"{label}: seed {seed} was done, but {error.message}")
            return {}

    def check(self, folder: Path, label: str, done: dict[int, dict[str, torch.Tensor]]) -> None:
        """Whether a run that is complete is as it should be."""
        self._no_traceback(folder, label)
        found = designs(folder)
        wrong = [
            *Folder(folder).faults(),
            *(f"seed {seed} was done and has changed" for seed in done if not equal(done[seed], found[seed])),
            *(f"seed {seed} differs" for seed in self.expected if not equal(self.expected[seed], found.get(seed, {}))),
            *(
                f"{path.name} is left"
                for path in [*folder.rglob("*.part"), *folder.glob("checkpoint"), *folder.glob(LOCK)]
            ),
        ]
        self.faults += [f"{label}: {text}" for text in wrong]
        if status(folder) != "done" or unfinished(folder):
            self.faults.append(f"{label}: the record says {status(folder)}")

    def _no_traceback(self, folder: Path, label: str) -> None:
        if log_of(folder).exists() and "Traceback" in log_of(folder).read_text(errors="replace"):
            self.faults.append(f"{label}: a traceback in {log_of(folder)}")

    def _known_files_hold(self, folder: Path, label: str) -> None:
        if (folder / RECORD).exists():
            found = [text for text in Folder(folder).faults() if not text.endswith(UNKNOWN)]
            self.faults += [f"{label}, after the signal: {text}" for text in found]

    def filled(self, number: int) -> None:
        """One run whose disk is full from its write `number` on, and that goes on when there is room."""
        folder, label = self.home / f"write-{number}", f"full at write {number}"
        code = wait(self.start(self.command(folder), lambda: full_from(number)))
        self.counts[f"full disk: exit code {code}"] += 1
        self.counts[f"full disk: the record says {status(folder)}"] += 1
        self._no_traceback(folder, label)
        if code != 1:
            self.faults.append(f"{label}: exit code {code}")
        self._known_files_hold(folder, label)
        self._rescued(folder, label)
        self.goes_on(folder, label)

    def _rescued(self, folder: Path, label: str) -> None:
        """Go on in the other folder that a run on a full disk names."""
        place = re.search(r"is stored in (\S+)", log_of(folder).read_text())
        if place:
            self.counts["full disk: what was computed is stored elsewhere"] += 1
            self.goes_on(Path(place[1].rstrip(".,;")), f"{label}, elsewhere")

    def writes(self) -> int:
        """How many files a run writes."""
        folder = self.home / "counted"
        count = self.home / "count"
        code = wait(self.start(self.command(folder), lambda: counting(count)))
        assert code == 0, f"{code}: {log_of(folder).read_text()}"
        return len(count.read_text())

    def mounted(self, share: float) -> None:
        """One run on a disk that holds a share of it, which is then made larger."""
        pages = sum(
            -(-path.stat().st_size // 4096) for path in (self.home / "undisturbed").rglob("*") if path.is_file()
        )
        place, label = self.home / f"disk-{share:.2f}", f"disk of {share:.0%}"
        with tmpfs(place, max(1, int(pages * share))):
            folder = place / "run"
            code = wait(self.start(self.command(folder)))
            self.counts[f"small tmpfs: exit code {code}"] += 1
            if code != 1:
                self.faults.append(f"{label}: exit code {code}")
            self._no_traceback(folder, label)
            subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
            self._known_files_hold(folder, label)
            self.goes_on(folder, label)


def forked(arguments: list[str], log: Path, prepare: Prepare) -> int:
    """Fork a process that runs `mbo` with everything imported; its number."""
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        output = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for name in ("SIGTERM", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        prepare()
        mbo_command(arguments, prog_name="mbo")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def ended(process: int) -> bool:
    """Whether a process is a zombie, which `wait` can ask."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def wait(process: int) -> int:
    """The exit code of a process, negative for a signal; one that hangs is killed, and has the code 99."""
    start = time.perf_counter()
    while time.perf_counter() - start < PATIENCE:
        done, how = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(how)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return 99


def log_of(folder: Path) -> Path:
    """What the processes of a run print; beside its folder."""
    return folder.with_name(folder.name + ".log")


def designs(folder: Path) -> dict[int, dict[str, torch.Tensor]]:
    """The tensors of each seed of a run."""
    names = sorted(int(path.name) for path in (folder / "seeds").iterdir())
    return {seed: Folder(folder).load_seed(seed) for seed in names}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two seeds have the same tensors to the last bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def status(folder: Path) -> str:
    """What the record says."""
    path = folder / RECORD
    return str(json.loads(path.read_text())["status"]) if path.exists() else "nothing"


def acknowledged(folder: Path) -> list[int]:
    """The seeds of the groups that are done."""
    return [seed for group in Progress.load(folder).groups for seed in group.gap] if unfinished(folder) else []


def counting(count: Path) -> None:
    """From now on write a letter into a file for every file that is written."""
    real = Path.write_bytes

    def write(path: Path, data: Any) -> int:
        with count.open("a") as file:
            file.write("w")
        return real(path, data)

    Path.write_bytes = write  # type: ignore[method-assign]


def full_from(number: int) -> None:
    """From the write `number` on (1 is the first) write half of a file, and say that the disk is full."""
    real, made = Path.write_bytes, 0

    def write(path: Path, data: Any) -> int:
        nonlocal made
        made += 1
        if made < number:
            return real(path, data)
        real(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    Path.write_bytes = write  # type: ignore[method-assign]


@contextmanager
def tmpfs(place: Path, pages: int) -> Iterator[None]:
    """A disk in memory."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pages * 4096}", "none", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def table(path: Path) -> None:
    """Write a table of 120 rows of three columns and a score."""
    x = np.random.default_rng(0).normal(size=(120, 3))
    rows = np.column_stack([x, -((x - 1) ** 2).sum(1)])
    path.write_text("a,b,c,y\n" + "\n".join(",".join(f"{value:.6f}" for value in row) for row in rows) + "\n")


def carried_out(home: Path, arguments: argparse.Namespace) -> Trials:
    """All trials."""
    trials = Trials(home, arguments.method, Random(arguments.seed))
    table(home / "table.csv")
    # Imports everything, so that a forked process starts at once.
    short = ["proxy.steps=1", "update.steps=1"]
    mbo.run(arguments.method, mbo.read_table(home / "table.csv", target="y"), seeds=2, preset="table", set=short)
    seeds.AT_ONCE, checkpoints.SHARE = GROUP, 3
    os.environ |= {checkpoints.VARIABLE: "0.1", "TMPDIR": str(home)}
    trials.undisturbed()
    trials.tell(f"undisturbed, {trials.seconds:.1f} s")
    for number in range(arguments.each):
        for name in SIGNALS:
            trials.killed(name, number)
            trials.tell(f"{name} {number}")
    writes = trials.writes() if arguments.writes else 0
    for number in sorted(trials.random.sample(range(1, writes + 1), min(writes, arguments.writes))):
        trials.filled(number)
        trials.tell(f"full from write {number} of {writes}")
    for number in range(arguments.mounts):
        trials.mounted((number + 0.5) / arguments.mounts)
        trials.tell(f"{number + 1} small disks")
    return trials


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", nargs="?", default="grad-ascent")
    parser.add_argument("--each", type=int, default=3)
    parser.add_argument("--writes", type=int, default=6)
    parser.add_argument("--mounts", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full", action="store_true")
    arguments = parser.parse_args()
    if arguments.full:
        arguments.each, arguments.writes, arguments.mounts = 60, 10_000, 12
    torch.set_num_threads(1)
    start = time.perf_counter()
    # In memory where that is possible: each checkpoint waits for the disk.
    with tempfile.TemporaryDirectory(dir=memory if (memory := Path("/dev/shm")).is_dir() else None) as home:
        trials = carried_out(Path(home), arguments)
        lines = [f"{count:5} {what}" for what, count in sorted(trials.counts.items())]
        sys.stdout.write("\n".join([*lines, *trials.faults]) + "\n")
    sys.stdout.write(f"{len(trials.faults)} faults, {time.perf_counter() - start:.0f} s\n")
    return 1 if trials.faults else 0


if __name__ == "__main__":
    sys.exit(main())
