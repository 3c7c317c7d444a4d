"""One file's rows → records and rejects, and the bookmark that follows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_llm_csv.dialects.model import HeaderError, plain_name
from tap_llm_csv.files.bookmark import Bookmark, Window
from tap_llm_csv.loading.fast_blocks import PART_ROWS, FastWay, fast_way
from tap_llm_csv.loading.keys import KEYS, Keys
from tap_llm_csv.loading.refusals import Refusals
from tap_llm_csv.output.emit import LineOutput, as_line
from tap_llm_csv.plans.parts import Part, Parts, named
from tap_llm_csv.plans.plan import RowPlan
from tap_llm_csv.reading.columns import Table
from tap_llm_csv.reading.reader import Batch, Broken, Reader
from tap_llm_csv.records import objects
from tap_llm_csv.records.cells import RowReject
from tap_llm_csv.records.identity import Ordinals, uuid_of

if TYPE_CHECKING:
    from tap_llm_csv.files.watch import Watch
    from tap_llm_csv.loading.notices import Notices
    from tap_llm_csv.loading.refusals import Place
    from tap_llm_csv.output.emit import Output
    from tap_llm_csv.records.schemas import Record
    from tap_llm_csv.settings import Settings

# Characters that mean something to CSV, put down by a writer that does not know.
_RECOVERABLE = frozenset({"stray_quote", "unterminated_quote", "bare_cr"})
Planner = Callable[..., RowPlan]


class FileLoad:
    """Reads one file from its bookmark on.

    `run` yields after each batch, when everything up to the bookmark has been written: that is
    where a STATE may go out.
    """

    def __init__(  # noqa: PLR0917 - what reading a file takes
        self,
        bookmark: Bookmark,
        place: Place,
        reader: Reader,
        planner: Planner,
        settings: Settings,
        output: Output,
        ordinals: Ordinals,
        *,
        paths: Sequence[str] = (),
        notices: Notices | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.bookmark = bookmark
        self.ordinals = ordinals
        self._place = place
        self._reader = reader
        self._planner = planner
        self._settings = settings
        self._output = output
        self._paths = paths
        self._notices = notices
        self._watch = watch
        self._plan: RowPlan | None = None
        # Every plan that rows were read by.
        self._plans: dict[int, RowPlan] = {}
        self._way: FastWay | None = None
        self._send_lines: Callable[[list[str]], None] | None = None
        self._lines: list[str] = []
        self._counts = bookmark.counts
        self._low = bookmark.first or "9"
        self._high = bookmark.last or ""
        self._refusals = Refusals(place, settings)
        self._keys = Keys(place.path, ordinals)
        self._parts = Parts()
        # Where the current block begins; `bookmark.window` is where the one before it does.
        self.next_window = bookmark.window
        self._next_plan: RowPlan | None = None

    @property
    def rejected(self) -> int:
        """How many lines could not be read."""
        return self._refusals.rejected

    @property
    def held(self) -> str | None:
        """What was left at the end of the file, and why."""
        return self._reader.held

    def adopt(self, plan: RowPlan) -> None:
        """Read the rows that follow by this plan."""
        self._plan = plan
        self._note(plan)
        self.bookmark.dialect = plan.dialect
        self._reader.width = plan.field_count
        self._reader.is_row = row_test(plan, self._reader.delimiter)
        self._way = self._send_lines = None
        if isinstance(self._output, LineOutput) and self._output.wants(plan.stream):
            self._send_lines = self._output.lines(plan.stream)
        if self._send_lines is not None:
            self._way = fast_way(plan, self.ordinals, self._place.path, self._settings.start)

    def _note(self, plan: RowPlan) -> None:
        self._plans[id(plan)] = plan
        if plan.secrets:
            self._refusals.hides_lines = True
        if self._notices is not None:
            self._notices.about(self._place.path, plan)
            # Looking at the first rows found some of them already.
            plan.below_zero.clear()

    def run(self) -> Iterator[Batch]:
        """Read to the end.

        Raises:
            FileError: The file is given up; the bookmark says how far it was read.
            RewrittenError: It is not what it was; nothing of the batch was sent.
        """
        for batch in self._reader.batches():
            block = self.ordinals.block
            header = self.bookmark.header
            self._counts = replace(self.bookmark.counts)
            plan = self._plan
            records, done = self._read_objects(batch) if plan is None else self._read(plan, batch)
            if self._watch is not None:
                self._watch.check(batch)
            self._refusals.check_ratio(self._counts, before=self.bookmark.counts.read, done=done)
            self._write(records)
            self._commit(batch, done)
            self._mark_window(block, Window(batch.offset, batch.line, self.ordinals.block, header))
            yield batch
            if self._refusals.stop is not None:
                raise self._refusals.stop
        if self._watch is not None:
            self._watch.check(None)
        self._write_buckets()
        if self._notices is not None:
            for plan in self._plans.values():
                self._notices.after(self._place.path, plan)

    # --- rows ----------------------------------------------------------------------------------

    def _read(self, plan: RowPlan, batch: Batch) -> tuple[dict[str, list[Record]], int]:
        """Turn cells into records; return them and how many rows are done with."""
        size = len(batch.rows)
        if not self._output.wants(plan.stream):
            self._counts.skipped += size
            return {}, size
        records: list[Record] = []
        if self._way is None:
            done = self._read_rows(plan, batch, range(size), records)
            return {plan.stream: records}, done
        if self._read_plain(self._way, batch, range(size)):
            return {}, size
        for begin in range(0, size, PART_ROWS):
            part = range(begin, min(begin + PART_ROWS, size))
            if self._read_plain(self._way, batch, part):
                continue
            done = self._read_rows(plan, batch, part, records)
            self._lines += map(as_line, records)
            records.clear()
            if done < part.stop:
                return {}, done
        return {}, size

    def _read_plain(self, way: FastWay, batch: Batch, part: range) -> bool:
        """Turn some rows into lines where all of them are plain; otherwise do nothing."""
        rows, lines = batch.rows, batch.line_starts()
        if len(part) < len(rows):
            span = slice(part.start, part.stop)
            rows = rows.part(span) if isinstance(rows, Table) else rows[span]
            lines = lines[span]
        found = way.read(rows, lines)
        if found is None:
            return False
        if not found.lines:
            self._counts.skipped += len(part)
            return True
        self._counts.emitted += len(part)
        self._lines += found.lines
        self._low, self._high = min(self._low, found.first), max(self._high, found.last)
        return True

    def _read_rows(  # noqa: C901 - the loop that every row goes through: no calls to spare
        self, plan: RowPlan, batch: Batch, part: range, records: list[Record]
    ) -> int:
        """Turn rows into records one by one; return the row before which it stopped."""
        convert, identity, take = plan.convert, plan.identity, self.ordinals.take
        width, when, key, path = (
            plan.field_count, plan.time_column, KEYS[plan.stream], self._place.path
        )  # fmt: skip
        is_plain = plan.key == "identity" and plan.redact is None and plan.stream == "llm_calls"
        start, low, high = self._settings.start or "", self._low, self._high
        append, before = records.append, len(records)
        span = slice(part.start, part.stop)
        done = part.stop
        for index, cells, line in zip(
            part, batch.rows[span], batch.line_starts()[span], strict=True
        ):
            record: Record | None
            if len(cells) == width:
                try:
                    record = convert(cells)
                except RowReject as reject:
                    record = self._second_look(plan, batch, index, reject)
            else:
                record = self._second_look(plan, batch, index, None)
            if record is None:
                if self._next_plan is not None or self._refusals.stop is not None:
                    done = index
                    break
                continue
            moment = record.get(when) or ""
            if moment < start and moment:
                self._counts.skipped += 1
                continue
            if moment > high:  # noqa: PLR1730 - a call of max() for every row would be felt
                high = moment
            if moment < low and moment:
                low = moment
            if is_plain:
                same = identity(record)
                record[key] = uuid_of(same, take(same, line))
                record["source_file"] = path
                record["source_line"] = line + 1
                append(record)
            else:
                self._counts.emitted += 1
                self._finish(plan, record, line, records)
        self._low, self._high = low, high
        if is_plain:
            self._counts.emitted += len(records) - before
        return done

    def _read_objects(self, batch: Batch) -> tuple[dict[str, list[Record]], int]:
        """Turn JSON objects, one a line, into records."""
        groups: dict[str, list[Record]] = {}
        start = self._settings.start or ""
        for index, (cells, line) in enumerate(zip(batch.rows, batch.line_starts(), strict=True)):
            if not cells and not isinstance(cells, Broken):
                self._counts.skipped += 1
                continue
            try:
                found = self._object(cells)
            except RowReject as reject:
                self._refusals.refuse(batch, index, reject, self._counts)
                if self._refusals.stop is not None:
                    return groups, index
                continue
            is_sent = False
            # Equal events of one batch are as many events; the same batch again is none.
            of_batch = Ordinals()
            for part, plan, record in found:
                moment = record.get(plan.time_column) or ""
                if (moment < start and moment) or not self._output.wants(plan.stream):
                    continue
                is_sent = True
                self._high = max(self._high, moment)
                self._low = min(self._low, moment or self._low)
                ordinals = of_batch if part.name else self.ordinals
                self._finish(plan, record, line, groups.setdefault(plan.stream, []), ordinals)
            self._counts.emitted += is_sent
            self._counts.skipped += not is_sent
        return groups, len(batch.rows)

    def _object(self, cells: list[str]) -> list[tuple[Part, RowPlan, Record]]:
        """The records of a line: of most lines one, of a batch all or none."""
        if isinstance(cells, Broken):
            raise RowReject(cells.code, None, cells.message)
        try:
            value = objects.decode(cells[0])
        except (ValueError, RecursionError) as error:
            raise RowReject("bad_json", None, f"the line is no JSON: {error}") from error
        found = []
        for part in self._parts.of(value):
            try:
                names = objects.names_of(part.row, self._paths)
                plan = self._planner(names, part.dialect)
                found.append((part, plan, plan.convert_object(part.row)))
            except HeaderError as error:
                raise named(part, RowReject(error.code, None, error.message)) from error
            except RowReject as reject:
                raise named(part, reject) from reject
            self.bookmark.dialect = plan.dialect
            if id(plan) not in self._plans:
                self._note(plan)
        return found

    def _finish(
        self,
        plan: RowPlan,
        record: Record,
        line: int,
        records: list[Record],
        ordinals: Ordinals | None = None,
    ) -> None:
        finished = self._keys.finish(plan, record, line, ordinals)
        if finished is not None:
            records.append(finished)

    # --- rows that are not what they should be ---------------------------------------------------

    def _second_look(
        self, plan: RowPlan, batch: Batch, index: int, reject: RowReject | None
    ) -> Record | None:
        """Find out what an irregular row is: blank, a header, recoverable, or broken."""
        cells = batch.rows[index]
        if isinstance(cells, Broken):
            reject = RowReject(cells.code, None, cells.message)
            if plan.recoverable and cells.code in _RECOVERABLE:
                record = self._recovered(plan, batch, index, reject)
                if record is not None:
                    return record
        elif not any(cell.strip() for cell in cells):
            self._counts.skipped += 1
            return None
        elif _is_named(cells):
            names = [plain_name(cell) for cell in cells]
            if names == [plain_name(cell) for cell in plan.header]:
                self._counts.skipped += 1
                return None
            try:
                self._next_plan = self._planner(cells)
            except HeaderError:
                self._next_plan = None
            else:
                return None
        if reject is None:
            few = len(cells) < plan.field_count
            reject = RowReject(
                "too_few_fields" if few else "too_many_fields",
                None,
                f"the line has {len(cells)} cells and the header {plan.field_count}",
            )
        self._refusals.refuse(batch, index, reject, self._counts)
        return None

    def _recovered(
        self, plan: RowPlan, batch: Batch, index: int, reject: RowReject
    ) -> Record | None:
        """Read a line of a writer that never quotes: its last column is whatever is left."""
        try:
            text = batch.raw(index).decode(self._place.encoding)
            cells = text.split(self._reader.delimiter, plan.field_count - 1)
            if "\0" in text or len(cells) != plan.field_count:
                return None
            record = plan.convert(cells)
        except (UnicodeDecodeError, RowReject):
            return None
        self._counts.recovered += 1
        self._refusals.note(batch, index, reject, "recovered")
        return record

    # --- after the rows --------------------------------------------------------------------------

    def _write(self, groups: dict[str, list[Record]]) -> None:
        if self._lines and self._send_lines is not None:
            self._send_lines(self._lines)
            self._lines = []
        for stream, records in groups.items():
            if records:
                self._output.write(stream, records)
        rejects = self._refusals.take()
        if rejects and self._output.wants("llm_csv_rejects"):
            self._output.write("llm_csv_rejects", rejects)

    def _commit(self, batch: Batch, done: int) -> None:
        """Move the bookmark to where the rows are done with."""
        bookmark = self.bookmark
        counts = self._counts
        counts.read += done
        bookmark.counts = counts
        bookmark.first = self._low if self._low != "9" else None
        bookmark.last = self._high or None
        self._refusals.remember(bookmark)
        if self._next_plan is not None:
            bookmark.header = batch.span(done)
            self.adopt(self._next_plan)
            self._next_plan = None
            self._reader.rewind(batch, done + 1)
            bookmark.offset, bookmark.line = self._reader.offset, self._reader.line
        elif done < len(batch.rows):
            bookmark.offset = batch.span(done)[0]
            bookmark.line = batch.line + batch.first_line(done)
        else:
            bookmark.offset, bookmark.line = batch.end, batch.line + batch.line_count
        if self._watch is not None:
            self._watch.passed(batch, bookmark.offset)

    def _mark_window(self, block: int, window: Window) -> None:
        """Remember where the block before the current one begins."""
        now = window.block
        if now == block + 1:
            self.bookmark.window, self.next_window = self.next_window, window
        elif now > block:
            self.bookmark.window = self.next_window = window
        self.bookmark.window = replace(self.bookmark.window, seen=self.ordinals.recall())

    def _write_buckets(self) -> None:
        groups: dict[str, list[Record]] = {}
        for stream, record in self._keys.buckets():
            groups.setdefault(stream, []).append(record)
        self._write(groups)


def _is_named(cells: Sequence[str]) -> bool:
    """Tell whether all cells could be the names of columns."""
    return len(cells) > 1 and not any(
        not cell.strip() or cell.strip()[0] in "0123456789+-." for cell in cells
    )


def row_test(plan: RowPlan, delimiter: str) -> Callable[[str], bool]:
    """Return a function that tells whether one physical line is a good row by itself."""
    cuts = plan.field_count - 1

    def is_row(line: str) -> bool:
        found = line.count(delimiter)
        if found < cuts or (found > cuts and not plan.recoverable):
            return False
        try:
            plan.convert(line.rstrip("\r\n").split(delimiter, cuts))
        except RowReject:
            return False
        return True

    return is_row
