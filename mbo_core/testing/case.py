"""What a check is, what it is applied to, and how that ends."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from mbo_core.errors import MboError, reason_of
from mbo_core.stages.options import first_line

Status = Literal["passed", "failed", "waived", "skipped"]


class Fault(MboError):
    """A check that failed: the fact, and how to mend it."""


class Inapplicable(Exception):
    """A check that cannot be made here, with the reason."""


class Subject(Protocol):
    """What a check is applied to."""

    @property
    def label(self) -> str:
        """How reports and waivers call it, e.g. `update local-adaptation, discrete`."""


def demand(condition: Any, fact: str, hint: str) -> None:
    """Refuse what does not hold.

    Raises:
        Fault: with the fact and the hint.
    """
    if not condition:
        raise Fault(fact, hint)


@dataclass(frozen=True)
class Check:
    """One rule that plugins keep.

    Attributes:
        subjects: all that a plugin has to which the rule applies.
        function: raises `Fault` where a subject breaks the rule, `Inapplicable` where that cannot be told.
    """

    subjects: Callable[[Any], Iterable[Subject]]
    function: Callable[[Any], None]

    @property
    def name(self) -> str:
        """The function's name, as waivers write it.

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
    """How a case ended.

    Attributes:
        check: the check's name.
        subject: the subject's label.
        status: how it ended.
        reason: why, if it did not pass.
        hint: how to mend a failure.
        details: the traceback of an error that no check foresaw.
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
        subject: what it is applied to.
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
        """The check is made once, when this is first asked for."""
        status, reason, hint, details = self._run()
        if status == "failed" and self.waiver is not None:
            return Outcome(self.check.name, self.subject.label, "waived", self.waiver)
        return Outcome(self.check.name, self.subject.label, status, reason, hint, details)

    def _run(self) -> tuple[Status, str, str, str]:
        try:
            self.check.function(self.subject)
        except Inapplicable as reason:
            return "skipped", str(reason), "", ""
        except Fault as fault:
            return "failed", fault.message, fault.hint or "", _cause(fault)
        except (Exception, SystemExit) as error:
            # Whatever a third party's code raises, the other checks are made.
            hint = "nothing that a stage, task or recipe does here may raise; the traceback shows where it came from"
            return "failed", reason_of(error), hint, _trace(error)
        return "passed", "", "", ""


def _cause(fault: Fault) -> str:
    return _trace(fault.__cause__) if fault.__cause__ is not None else ""


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
