"""Reading rejected lines again, after the settings (or the tap) have learnt to read them.

Only the rejected ranges are read again, and some of the file around each: the rows there that were
read well tell which ordinal an equal row among the rejected ones gets.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tap_llm_csv.files.bookmark import Bookmark, Counts, Window
from tap_llm_csv.loading.opening import Opening
from tap_llm_csv.output.ledger_records import reject_record
from tap_llm_csv.records.identity import Ordinals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_llm_csv.files.job import Ready
    from tap_llm_csv.output.emit import Output
    from tap_llm_csv.plans.choose import Planner
    from tap_llm_csv.settings import Settings

CONTEXT_BYTES = 256 * 1024

_AFTER_FIX = "the line was read after a change of the settings"
_AFTER_CHANGE = "the file was written anew, and the line is not there any more"


class _Around(Ordinals):
    """Counts equal rows wherever they stand."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[bytes] = Counter()

    def take(self, identity: bytes, line: int) -> int:  # noqa: ARG002 - wherever they stand
        self.seen[identity] += 1
        return self.seen[identity] - 1


class _Kept:
    """An output that keeps records, so that they can be sent or not."""

    def __init__(self, output: Output) -> None:
        self.wants = output.wants
        self.records: dict[str, list[dict[str, Any]]] = {}

    def write(self, stream: str, records: list[dict[str, Any]]) -> None:
        self.records.setdefault(stream, []).extend(records)


class Replay:
    """Reads what was rejected of a log in earlier runs."""

    def __init__(self, planner: Planner, settings: Settings, output: Output, seen_at: str) -> None:
        self._opening = Opening.again(planner, settings, seen_at)
        self._output = output
        self._seen_at = seen_at
        # The headers of the file at hand, in order.
        self._headers: list[tuple[int, int]] = []

    def run(self, job: Ready, file_id: str, bookmark: Bookmark) -> None:
        """Read a file's rejected ranges and bring its figures up to date.

        Raises:
            FileError: The file cannot be read.
        """
        self._find_headers(job, file_id, bookmark)
        ranges, bookmark.rejects = bookmark.rejects, []
        for offset, length, line, rows in ranges:
            again = self._read_range(job, file_id, bookmark, (offset, length, line, rows))
            counts, new = bookmark.counts, again.counts
            # A range that was joined also holds rows that were counted before.
            known = max(0, new.read - rows)
            counts.read += new.read - rows - known
            counts.rejected += new.rejected - rows
            counts.skipped += new.skipped
            counts.recovered += new.recovered
            counts.emitted = counts.read - counts.rejected - counts.skipped
            bookmark.rejects += again.rejects

    def _read_range(
        self, job: Ready, file_id: str, bookmark: Bookmark, span: tuple[int, int, int, int]
    ) -> Bookmark:
        offset, length, line, count = span
        end = offset + length
        around = _Around()
        begin = self._line_before(job, max(bookmark.header[1], offset - CONTEXT_BYTES))
        nothing = _Kept(self._output)
        what: Any = {"job": job, "file_id": file_id, "bookmark": bookmark, "ordinals": around}
        self._pass((begin, offset, 0), nothing, **what)
        after = min(bookmark.offset, end + CONTEXT_BYTES)
        self._pass((end, after, 0), nothing, **what)
        kept = _Kept(self._output)
        rows: list[tuple[int, int]] = []
        again = self._pass((offset, end, line), kept, rows, **what)
        refused = {record["byte_offset"] for record in kept.records.get("llm_csv_rejects", ())}
        for stream, records in kept.records.items():
            self._output.write(stream, records)
        # A range that was joined over a gap also holds rows that never were rejected.
        known = rows if len(rows) == count else [(offset, line)]
        self._resolve(job, file_id, [row for row in known if row[0] not in refused], _AFTER_FIX)
        return again

    def settle(self, job: Ready, file_id: str, known: Bookmark, fresh: Bookmark) -> None:
        """Note which rejects of a file that was read anew are none any more.

        Raises:
            FileError: The file cannot be read.
        """
        is_changed = known.stored is None or known.stored != fresh.stored
        if not is_changed and known.rejects:
            self._find_headers(job, file_id, fresh)
        for offset, length, line, count in known.rejects:
            rows = [(offset, line)]
            if not is_changed and count > 1:
                found: list[tuple[int, int]] = []
                self._pass(
                    (offset, offset + length, line), _Kept(self._output), found, job=job,
                    file_id=file_id, bookmark=fresh, ordinals=_Around(),
                )  # fmt: skip
                rows = found if len(found) == count else rows
            self._resolve(
                job,
                file_id,
                [row for row in rows if not _is_within(row[0], fresh.rejects)],
                _AFTER_CHANGE if is_changed else _AFTER_FIX,
            )

    def _find_headers(self, job: Ready, file_id: str, bookmark: Bookmark) -> None:
        """Find where the file's header changes, if it does."""
        self._headers = [job.header.span]
        if bookmark.header != job.header.span:
            span = (job.header.span[1], bookmark.header[1], job.header.lines)
            self._pass(
                span, _Kept(self._output), [], job=job, file_id=file_id, bookmark=bookmark,
                ordinals=_Around(),
            )  # fmt: skip
            self._headers.append(bookmark.header)

    def _line_before(self, job: Ready, offset: int) -> int:
        """Return where a line begins at or after an offset."""
        header = job.header
        if offset <= header.span[1]:
            return header.span[1]
        with job.open() as file:
            file.seek(offset - offset % header.text.unit)
            data = file.read(CONTEXT_BYTES)
        return offset - offset % header.text.unit + header.text.first_cut(data)

    def _pass(
        self,
        span: tuple[int, int, int],
        output: _Kept,
        rows: list[tuple[int, int]] | None = None,
        *,
        job: Ready,
        file_id: str,
        bookmark: Bookmark,
        ordinals: Ordinals,
    ) -> Bookmark:
        begin, end, line = span
        past = Bookmark(
            path=job.path, offset=begin, line=line, header=bookmark.header,
            window=Window(begin, line, 0, bookmark.header), counts=Counts(),
        )  # fmt: skip
        if begin >= end:
            return past
        past.header = [span for span in self._headers if span[1] <= begin][-1]
        with job.open() as file:
            load = self._opening.load(job, past, file, output, ordinals, limit=end, file_id=file_id)
            for batch in load.run():
                if past.header not in {*self._headers, bookmark.header}:
                    self._headers.append(past.header)
                if rows is not None:
                    starts = batch.line_starts()
                    rows += [(batch.span(index)[0], at) for index, at in enumerate(starts)]
        return past

    def _resolve(self, job: Ready, file_id: str, rows: list[tuple[int, int]], message: str) -> None:
        """Note in the ledger what became of lines that were rejected."""
        if not self._output.wants("llm_csv_rejects"):
            return
        records = []
        for offset, line in rows:
            record = reject_record(
                file_id=file_id, path=job.path, line=line + 1, offset=offset, code="resolved",
                column=None, message="", raw=b"", encoding="utf-8", policy="none",
                seen_at=self._seen_at, severity="resolved",
            )  # fmt: skip
            records.append({**record, "message": message})
        if records:
            self._output.write("llm_csv_rejects", records)


def _is_within(offset: int, ranges: Iterable[tuple[int, int, int, int]]) -> bool:
    return any(begin <= offset < begin + length for begin, length, _, _ in ranges)
