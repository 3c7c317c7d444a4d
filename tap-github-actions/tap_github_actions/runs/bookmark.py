"""The bookmark of one repository, as a typed object.

A bookmark does not list runs. It says how far back the repository has been looked at, and when: the
list `looks`, newest first. Each look is a pair (`low`, `at`) and stands for "every run created from
`low` on, up to the look before it, was last looked at at `at`, by GitHub's clock". Whatever began
before that instant has been emitted, or is in `open`; whatever began later is new. That is enough
to know what to emit, where to go on after a kill, and how far down a sweep is due, without
remembering a single finished run for longer than the overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from tap_github_actions.errors import StateError
from tap_github_actions.runs.gaps import Gap, Key  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND = timedelta(seconds=1)
OVERLAP = timedelta(minutes=10)
"""How long GitHub may take to show what has happened."""
RERUN_LOOKBACK = timedelta(days=32)
MAX_LOOKS = 6
MAX_RECENT = 200
MAX_NUMBERS = 36
MAX_MISSING = 12
VERSION = 1
_KEYS = (
    "repository",
    "full_name",
    "looks",
    "open",
    "recent",
    "numbers",
    "missing",
    "workflows",
    "head",
    "start",
    "gaps",
    "asked",
    "default_branch",
)


class Look(msgspec.Struct, array_like=True, frozen=True):
    """From `low` up to the look before it, everything was last looked at at `at`."""

    low: datetime
    at: datetime


class Head(msgspec.Struct, array_like=True, frozen=True):
    """The ETag of the first page, whose it is, and the oldest creation on that page."""

    etag: str
    token: str
    low: datetime


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """When something that rarely changes was last asked for, and what it was."""

    at: datetime
    digest: str = ""
    etag: str = ""
    token: str = ""
    """Whose ETag it is."""


class Stored(msgspec.Struct, omit_defaults=True):
    """What a bookmark looks like in a STATE message."""

    repository: str = ""
    full_name: str = ""
    version: int = VERSION
    looks: list[Look] = []
    open: dict[int, tuple[int, datetime]] = {}
    recent: dict[int, int] = {}
    numbers: dict[int, int] = {}
    missing: dict[int, list[tuple[int, int]]] = {}
    workflows: str = ""
    head: Head | None = None
    start: datetime | None = None
    gaps: list[Gap] = []
    asked: dict[str, Asked] = {}
    default_branch: str = ""


@dataclass(slots=True)
class Bookmark:
    """How far one repository has been read."""

    repository_id: int
    repository: str
    looks: list[Look] = field(default_factory=list)
    open: dict[int, tuple[int, datetime]] = field(default_factory=dict)
    """Unfinished runs: the first attempt not emitted yet, and when the latest one began."""
    recent: dict[int, int] = field(default_factory=dict)
    """Attempts emitted within the overlap before the last look, which will be met again."""
    numbers: dict[int, int] = field(default_factory=dict)
    """For each workflow the highest run number that has been audited."""
    missing: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Run numbers that GitHub does not show (deleted or hidden), as ranges for each workflow."""
    workflows: str = ""
    """A digest of the workflows last emitted."""
    head: Head | None = None
    start: datetime | None = None
    """Where the history begins that is read, if no setting says so: decided once."""
    gaps: dict[Key, Gap] = field(default_factory=dict)
    """What could not be read so far."""
    asked: dict[str, Asked] = field(default_factory=dict)
    """When `workflows` and other things that rarely change were last asked for."""
    default_branch: str = ""
    rerun_lookback: timedelta = RERUN_LOOKBACK
    """How old a run can be and still be re-run; from the settings, not kept."""
    full_name: str = ""
    """What GitHub calls it now; `repository` is what the settings call it."""

    @classmethod
    def from_state(cls, entry: Mapping[str, Any]) -> Bookmark:
        """Read a partition of the state.

        Raises:
            StateError: It is not one that this tap wrote.
        """
        try:
            repository_id = int(entry["context"]["repository_id"])
            stored = msgspec.convert(
                {key: value for key, value in entry.items() if key in (*_KEYS, "version")},
                Stored,
                strict=False,
                str_keys=True,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"The state of a repository cannot be read ({error}).") from error
        times = [moment for look in stored.looks for moment in (look.low, look.at)]
        times += [since for _, since in stored.open.values()]
        times += [stored.head.low] if stored.head else []
        times += [stored.start] if stored.start else []
        times += [moment for gap in stored.gaps for moment in (gap.first_seen, gap.last_tried)]
        times += [each.at for each in stored.asked.values()]
        if any(moment.tzinfo is None for moment in times):
            raise StateError(f"The state of {stored.repository} has a time without its offset.")
        if stored.version > VERSION:
            raise StateError(
                "The state was written by a newer tap-github-actions: install that version again."
            )
        values = {key: getattr(stored, key) for key in _KEYS}
        return cls(repository_id, **(values | {"gaps": {gap.key: gap for gap in stored.gaps}}))

    def to_state(self) -> dict[str, Any]:
        """Return the partition to store."""
        values = {key: getattr(self, key) for key in _KEYS}
        stored = Stored(version=VERSION, **(values | {"gaps": list(self.gaps.values())}))
        if stored.full_name == stored.repository:
            stored.full_name = ""
        return {
            "context": {"repository_id": self.repository_id},
            **msgspec.to_builtins(stored, str_keys=True),
        }

    @property
    def covered_from(self) -> datetime | None:
        """The creation of the oldest runs that have been looked at."""
        return self.looks[-1].low if self.looks else None

    def begin(self, setting: datetime | None, default: datetime) -> datetime:
        """Return where the history begins that is read.

        Without a setting it is decided once and kept; a bookmark from before that was so has read
        as far back as it has looked.
        """
        if setting is not None:
            return setting
        if self.start is None:
            self.start = min(self.covered_from or default, default)
        return self.start

    def looked_at(self, created: datetime) -> datetime | None:
        """Return when a run of this creation was last looked at; None: never."""
        return next((look.at for look in self.looks if created >= look.low), None)

    def new_since(self, created: datetime) -> datetime | None:
        """Return the instant from which attempts of a run of this creation are new."""
        at = self.looked_at(created)
        return None if at is None else at - OVERLAP

    def is_settled(self, low: datetime, high: datetime) -> bool:
        """Whether all that was created from `low` to `high` has been looked at since."""
        for look in self.looks:
            if look.low <= high:
                if high >= look.at - OVERLAP:
                    return False
                if look.low <= low:
                    return True
                high = look.low - SECOND
        return False

    def look(self, low: datetime, at: datetime, high: datetime | None = None) -> None:
        """Note that everything created from `low` on has been looked at, beginning at `at`.

        Args:
            low: The oldest creation looked at.
            at: When the sync began, by GitHub's clock.
            high: Up to which creation; by default up to the newest.
        """
        above: list[Look] = []
        if high is not None:
            above = [each for each in self.looks if each.low >= high]
            straddling = next((each for each in self.looks if each.low < high), None)
            if straddling is not None and (not above or above[-1].low > high):
                above.append(Look(high, straddling.at))
        below = [each for each in self.looks if each.low < low]
        self.looks = compacted(settled([*above, Look(low, at), *below], self.rerun_lookback))

    def trim(self) -> None:
        """Drop what can be found out again, so that the state stays small."""
        self.recent = dict(sorted(self.recent.items())[-MAX_RECENT:])
        self.numbers = dict(list(self.numbers.items())[-MAX_NUMBERS:])
        ranges = sorted(
            (workflow, each) for workflow, all_ in self.missing.items() for each in all_
        )
        self.missing = {}
        for workflow, each in ranges[-MAX_MISSING:]:
            self.missing.setdefault(workflow, []).append(each)

    def audited(self, workflow: int, number: int) -> None:
        """Note the highest run number of a workflow, the latest workflow last."""
        self.numbers[workflow] = max(number, self.numbers.pop(workflow, 0))

    def was_missing(self, workflow: int, number: int) -> bool:
        """Whether this run number had been looked for in vain."""
        return any(low <= number <= high for low, high in self.missing.get(workflow, ()))

    def found(self, workflow: int, number: int) -> None:
        """Take a run number out of the missing ones."""
        left: list[tuple[int, int]] = []
        for low, high in self.missing.get(workflow, ()):
            if low <= number <= high:
                left += [(low, number - 1)] if low < number else []
                left += [(number + 1, high)] if number < high else []
            else:
                left.append((low, high))
        if left:
            self.missing[workflow] = left
        else:
            self.missing.pop(workflow, None)


def settled(looks: list[Look], rerun_lookback: timedelta) -> list[Look]:
    """Join each look with the one above it, where nothing can have been re-run since.

    What was too old for a re-run when it was last looked at has not changed, so the later instant
    is as true for it as its own.
    """
    joined: list[Look] = []
    for look in looks:
        if joined and joined[-1].low <= look.at - rerun_lookback and look.low <= joined[-1].low:
            joined[-1] = Look(look.low, max(joined[-1].at, look.at))
        else:
            joined.append(look)
    return joined


def compacted(looks: list[Look]) -> list[Look]:
    """Join neighbouring looks until few are left.

    Two looks become one that takes the earlier instant: at worst something is looked at again. No
    pair is joined whose upper part begins after that instant, for it would seem never looked at.
    """
    looks = list(looks)
    while len(looks) > MAX_LOOKS:
        pairs = [
            (abs(looks[i].at - looks[i + 1].at), i)
            for i in range(1, len(looks) - 1)
            if looks[i - 1].low <= min(looks[i].at, looks[i + 1].at) - OVERLAP
        ]
        if not pairs:
            break
        _, index = min(pairs)
        joined = Look(looks[index + 1].low, min(looks[index].at, looks[index + 1].at))
        looks[index : index + 2] = [joined]
    return looks


def utc(moment: datetime) -> datetime:
    """Return the same instant in UTC, to the second, as GitHub writes it."""
    return moment.astimezone(timezone.utc).replace(microsecond=0)
