"""Who did what within one hook: answers, errors, and changes to what the hook was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from mbo_core.errors import MboError
from mbo_core.plugins.registry import RUNNER
from mbo_core.runs.unchanged import checksums

T = TypeVar("T")


class Trail:
    """The trail of one hook.

    Attributes:
        hook: the hook's name.
        answers: each plugin that answered, in order, with its answer.
    """

    def __init__(self) -> None:
        self.begin("", {})

    def begin(self, hook: str, given: Mapping[str, Any]) -> None:
        """Begin a hook with its arguments."""
        self.hook, self._given, self._before = hook, given, checksums(given)
        self.answers: list[tuple[str, Any]] = []
        self._raised: list[str] = []
        self._running: list[str] = []

    def answered(self, plugin: str, value: T) -> T:
        """Note an answer."""
        self.answers.append((plugin, value))
        return value

    @contextmanager
    def running(self, plugin: str) -> Iterator[None]:
        """A plugin's code runs, within that of the wrappers around it.

        Raises:
            MboError: if it has changed what the hook was given.
        """
        if self._running:
            self._demand_unchanged()
        self._running.append(plugin)
        try:
            yield
            self._demand_unchanged()
        except BaseException:
            self._raised.append(plugin)
            raise
        finally:
            self._running.pop()

    def blamed(self) -> str:
        """Whose code raised first: wrappers outside it have seen the error later."""
        return self._called(self._raised[0] if self._raised else RUNNER)

    def _called(self, plugin: str) -> str:
        return f"{self.hook}: {'a stage of the recipe' if plugin == RUNNER else f'plugin {plugin}'}"

    def _demand_unchanged(self) -> None:
        after = checksums(self._given)
        changed = [what for what, before in self._before.items() if after[what] != before]
        if changed:
            fact = f"{self._called(self._running[-1])} changed {' and '.join(changed)} in place"
            raise MboError(fact, "let it work on a copy")
