"""What a person sees on a terminal, what a pipe gets, what a program gets."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_LONG_TEXT = 60
# Those of ASCII and of Latin 1, and what turns the direction of writing around.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

_MARKDOWN = f"{__name__}.markdown"


def _remember_markdown(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[_MARKDOWN] = value


markdown_option = click.option(
    "--markdown",
    is_flag=True,
    expose_value=False,
    callback=_remember_markdown,
    help="Print Markdown tables, for a summary page.",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a printed table."""

    title: str
    right: bool = False


def print_json(value: Any) -> None:
    """Print JSON: decimals as exact numbers, instants with their offset."""
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain).encode(value)
    click.echo(msgspec.json.format(encoded, indent=2).decode())


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table: boxed and coloured on a terminal, plain aligned text in a pipe."""
    cells = [[visible(cell) for cell in row] for row in rows]
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(_MARKDOWN):
        for line in as_markdown(columns, cells, title):
            click.echo(line)
        return
    if sys.stdout.isatty():
        _print_for_a_terminal(columns, cells, title)
        return
    if title:
        click.echo(title)
    for line in aligned(columns, cells):
        click.echo(line)


def visible(text: str) -> str:
    """The text with its control characters written out: data gives no orders to a terminal."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def as_markdown(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = ""
) -> list[str]:
    """Lay rows out as a Markdown table."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    heading = [f"### {title}"] if title else []
    rule = line("---:" if column.right else "---" for column in columns)
    table = [line(column.title for column in columns), rule, *map(line, rows)]
    return [*heading, "", *table, ""]


def aligned(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out in columns that are two spaces apart."""
    table = [[column.title for column in columns], *[list(row) for row in rows]]
    widths = [max(len(row[place]) for row in table) for place in range(len(columns))]
    return [
        "  ".join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in table
    ]


def _print_for_a_terminal(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str
) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def print_records(records: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Print what a query returned, numbers to the right."""
    if title and not records:
        click.echo(f"{title}\n(no rows)")
        return
    names = list(records[0]) if records else []
    numeric = {
        name
        for name in names
        if any(isinstance(record[name], int | float | Decimal) for record in records)
    }
    print_table(
        [Column(name.replace("_", " "), right=name in numeric) for name in names],
        [[text(record[name]) for name in names] for record in records],
        title,
    )


def text(value: Any) -> str:
    """Word a value for a person."""
    for kind, word in _WORDING:
        if isinstance(value, kind):
            return word(value)
    return shorten(str(value))


def shorten(value: str, longest: int = _LONG_TEXT) -> str:
    """Keep one line of a text."""
    line = " ".join(value.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def instant(value: datetime | None) -> str:
    """An instant to the minute, in UTC."""
    return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M") if value else "-"


def share(value: float | Decimal | None) -> str:
    """A share as a percentage; 100% and 0% only when it is exactly that."""
    if value is None:
        return "-"
    percent = float(value) * 100
    if 0 < percent < 0.1:  # noqa: PLR2004  the smallest step that is printed
        return "<0.1%"
    if 99.9 < percent < 100:  # noqa: PLR2004
        return ">99.9%"
    return f"{percent:.1f}%"


def money(value: Decimal | None) -> str:
    """US dollars: cents for an amount, four digits for a fraction of a dollar."""
    if value is None:
        return "-"
    if value == 0:
        return "$0.00"
    digits = 2 if abs(value) >= 1 else max(2, 3 - value.adjusted())
    return f"${value:,.{digits}f}" if value > 0 else f"-${-value:,.{digits}f}"


def duration(seconds: float | Decimal | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None:
        return "-"
    left = round(float(seconds))
    sign, left = ("-", -left) if left < 0 else ("", left)
    parts: list[str] = []
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE), ("s", 1)):
        amount, left = divmod(left, size)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount}{unit}")
    return sign + " ".join(parts[:2])


def count(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


# The first kind that fits words a value: a bool is an int, too.
_WORDING: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (type(None), lambda _: "-"),
    (bool, lambda value: "yes" if value else "no"),
    (datetime, instant),
    (timedelta, lambda value: duration(value.total_seconds())),
    (int, lambda value: f"{value:,}"),
    (float, lambda value: f"{value:,f}"),
    (Decimal, lambda value: f"{value:,f}"),
    (list, lambda value: ", ".join(map(text, value))),
)
