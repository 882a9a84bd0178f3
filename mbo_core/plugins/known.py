"""The plugins known to the core, installed or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from mbo_core.plugins.discovery import Plugin
from mbo_core.toml import plain, read


@dataclass(frozen=True)
class Known:
    """A plugin that can be installed.

    Attributes:
        name: its entry point's name.
        distribution: what to install.
        summary: what it offers, in one line.
        installed: the version that is installed, or None.
    """

    name: str
    distribution: str
    summary: str
    installed: str | None

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install {self.distribution}"


def known(plugins: Iterable[Plugin]) -> list[Known]:
    """All known plugins by name, each with its installed version if it is among `plugins`."""
    versions = {canonicalize_name(plugin.distribution): plugin.version for plugin in plugins}
    listed = plain(read(Path(__file__).with_name("known.toml")).table)
    return [
        Known(name, **about, installed=versions.get(canonicalize_name(about["distribution"])))
        for name, about in sorted(listed.items())
    ]
