"""What a record is keyed by, for every kind of dialect."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_llm_csv.records.event_keys import event_key
from tap_llm_csv.records.identity import Ordinals, uuid_of
from tap_llm_csv.records.schemas import SCHEMAS, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_llm_csv.plans.plan import RowPlan

IDS_KEPT = 8192

logger = logging.getLogger("tap-llm-csv")

KEYS = {stream: entry["key_properties"][0] for stream, entry in SCHEMAS.items()}
_PLACED = {
    stream: [
        name for name in ("source_file", "source_line") if name in entry["schema"]["properties"]
    ]
    for stream, entry in SCHEMAS.items()
}


class Keys:
    """Gives the records of one file their keys, and sums those that share one."""

    def __init__(self, path: str, ordinals: Ordinals) -> None:
        self.ordinals = ordinals
        self._path = path
        self._buckets: dict[bytes, tuple[RowPlan, Record]] = {}
        self._by_id: dict[str, tuple[Record, bytes]] = {}
        self._has_warned = False

    def finish(
        self, plan: RowPlan, record: Record, line: int, ordinals: Ordinals | None = None
    ) -> Record | None:
        """Return the record to send; None where it was added to a bucket for later.

        Args:
            plan: How the record was read.
            record: The record.
            line: Its line.
            ordinals: What counts equal records, where it is not the file.
        """
        if plan.key == "grain":
            same = plan.identity(record)
            known = self._buckets.get(same)
            merged = record if known is None else plan.merge(known[1], record)
            self._buckets[same] = (plan, merged)
            return None
        place = {"source_file": self._path, "source_line": line + 1}
        row_id = plan.row_id(record) if plan.key == "id" else None
        if plan.key == "given":
            place = {name: value for name, value in place.items() if record.get(name) is None}
        elif plan.key == "event":
            record[KEYS[plan.stream]] = event_key(record, ordinals or self.ordinals, line)
        elif row_id:
            record = self._with_own_id(plan, record, row_id)
        else:
            same = plan.identity(record)
            ordinal = self.ordinals.take(same, line) if plan.ordinals else 0
            record[KEYS[plan.stream]] = uuid_of(same, ordinal)
        for name in _PLACED[plan.stream]:
            if name in place:
                record[name] = place[name]
        if plan.redact is not None:
            plan.redact(record)
        return record

    def buckets(self) -> Iterator[tuple[str, Record]]:
        """Yield what was summed over the whole file, with its stream."""
        for same, (plan, record) in self._buckets.items():
            record[KEYS[plan.stream]] = uuid_of(same)
            if "source_file" in _PLACED[plan.stream]:
                record["source_file"] = self._path
            if plan.redact is not None:
                plan.redact(record)
            yield plan.stream, record
        self._buckets = {}

    def _with_own_id(self, plan: RowPlan, record: Record, row_id: str) -> Record:
        """Key a record by the provider's id; of several snapshots of a call the fullest wins."""
        same = plan.identity(record)
        base = f"id|{plan.dialect}|{row_id}".encode()
        key = KEYS[plan.stream]
        earlier, earlier_same = self._by_id.get(row_id, (None, same))
        if earlier is not None and earlier_same != same:
            if _is_one_call(plan, earlier, record):
                record = dict(plan.merge(earlier, record))
            else:
                self._warn(plan)
                record[key] = uuid_of(base + b"|" + same)
                return record
        record[key] = uuid_of(base)
        if len(self._by_id) >= IDS_KEPT:
            for old in list(self._by_id)[: IDS_KEPT // 2]:
                del self._by_id[old]
        self._by_id[row_id] = (dict(record), same)
        return record

    def _warn(self, plan: RowPlan) -> None:
        if not self._has_warned:
            logger.warning(
                "%s: different calls share an id; they are kept apart by what they were (%s)",
                self._path,
                plan.dialect,
            )
            self._has_warned = True


def _is_one_call(plan: RowPlan, one: Record, other: Record) -> bool:
    """Tell snapshots of a call that was still going on from an id that was used twice."""
    when = plan.time_column
    return (one[when], one.get("model")) == (other[when], other.get("model"))
