"""A check, its subject, and its outcome."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from mbo_core.errors import MboError, reason_of
from mbo_core.foreign import foreign
from mbo_core.stages.options import first_line

Status = Literal["passed", "failed", "waived", "skipped"]


class Fault(MboError):
    """A failed check: the fact, and how to fix it."""


class Inapplicable(Exception):
    """A check that cannot run here, with the reason."""


class Subject(Protocol):
    """What a check is applied to."""

    @property
    def label(self) -> str:
        """Its name in reports and waivers, e.g. `update local-adaptation, discrete`."""


def demand(condition: Any, fact: str, hint: str) -> None:
    """Fail unless a condition holds.

    Raises:
        Fault: with the fact and the hint.
    """
    if not condition:
        raise Fault(fact, hint)


@dataclass(frozen=True)
class Check:
    """One rule that plugins keep.

    Attributes:
        subjects: everything in a plugin to which the rule applies.
        function: raises `Fault` if a subject breaks the rule, `Inapplicable` if the rule cannot be checked.
    """

    subjects: Callable[[Any], Iterable[Subject]]
    function: Callable[[Any], None]

    @property
    def name(self) -> str:
        """The function's name, as in waivers.

        >>> def same_key(subject): ...
        >>> Check(list, same_key).name
        'same-key'
        """
        return self.function.__name__.replace("_", "-")

    @property
    def doc(self) -> str:
        """The rule in one line."""
        return first_line(self.function)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a case.

    Attributes:
        check: the check's name.
        subject: the subject's label.
        status: how it ended.
        reason: why, if it did not pass.
        hint: how to fix a failure.
        details: the traceback of an unexpected error.
    """

    check: str
    subject: str
    status: Status
    reason: str = ""
    hint: str = ""
    details: str = ""

    def __str__(self) -> str:
        parts = [f"{self.check}[{self.subject}] {self.status}: {self.reason}", self.hint and f"hint: {self.hint}"]
        return "\n\n".join(part for part in (*parts, self.details) if part)


@dataclass(frozen=True, eq=False)
class Case:
    """A check of one subject.

    Attributes:
        check: the rule.
        subject: the thing to check.
        waiver: why it may fail, or None.
        repeats: whether another case holds the same stage or recipe to the same rule, on another kind of task.
    """

    check: Check
    subject: Subject
    waiver: str | None = None
    repeats: bool = False

    def __str__(self) -> str:
        return f"{self.check.name}[{self.subject.label}]"

    @cached_property
    def outcome(self) -> Outcome:
        """The outcome; the check runs once, on first use."""
        status, reason, hint, details = self._run()
        if status == "failed" and self.waiver is not None:
            return Outcome(self.check.name, self.subject.label, "waived", self.waiver)
        return Outcome(self.check.name, self.subject.label, status, reason, hint, details)

    def _run(self) -> tuple[Status, str, str, str]:
        try:
            with foreign("it"):
                self.check.function(self.subject)
        except Inapplicable as reason:
            return "skipped", str(reason), "", ""
        except Fault as fault:
            return "failed", fault.message, fault.hint or "", _cause(fault)
        except Exception as error:
            # Third-party code may raise anything; the other checks still run.
            hint = "no stage, task or recipe may raise here; see the traceback"
            return "failed", reason_of(error), hint, _trace(error)
        return "passed", "", "", ""


def _cause(fault: Fault) -> str:
    return _trace(fault.__cause__) if fault.__cause__ is not None else ""


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
