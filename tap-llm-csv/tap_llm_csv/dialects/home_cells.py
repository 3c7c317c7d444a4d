"""What the cells of home-made logs mean, where the name of the column does not say it all."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_llm_csv.dialects.anthropic import written
from tap_llm_csv.dialects.buckets import milliseconds_between
from tap_llm_csv.records.cells import BIGINT_MAX, RowReject, rounded_money

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_llm_csv.dialects.model import Kind

__all__ = ["milliseconds_between", "written"]

DIRECT: dict[Decimal, Kind] = {Decimal(1): "milliseconds", Decimal(1000): "seconds"}
"""Units that a kind of column stands for."""

_GOOD = frozenset({
    "ok", "okay", "success", "succeeded", "successful", "complete", "completed", "done",
    "finished", "pass", "passed", "good", "true", "yes", "stop", "end_turn", "200 ok",
})  # fmt: skip
_BAD = frozenset({
    "error", "errored", "err", "fail", "failed", "failure", "timeout", "timed out", "timed_out",
    "cancelled", "canceled", "aborted", "rejected", "rate_limited", "rate limited", "ratelimited",
    "exception", "refused", "denied", "invalid", "unauthorized", "overloaded", "crashed", "false",
    "no", "ko", "incomplete", "bad_request", "server_error", "api_error",
})  # fmt: skip
_NO_ERROR = frozenset({"", "none", "null", "false", "no", "0", "ok", "n/a", "na", "-", "nil"})
_FIRST_FAILURE, _CODES = 400, range(100, 600)
_DOLLARS = frozenset({"usd", "$", "us$", "dollar", "dollars"})


def same(value: Any) -> Any:
    """The value as it is."""
    return value


def scaled(scale: Decimal, column: str) -> Callable[[Decimal | None], int | None]:
    """A duration in another unit → whole milliseconds."""

    def milliseconds(value: Decimal | None) -> int | None:
        if value is None:
            return None
        if value < 0:
            raise RowReject(
                "negative_value", column, f"{column} is {value}; a duration is never negative"
            )
        if value * scale > BIGINT_MAX:
            raise RowReject("out_of_range", column, f"{column} is {value}: larger than a bigint")
        return round(value * scale)

    return milliseconds


def dollars_of(parts: int, column: str) -> Callable[[Decimal | None], Decimal | None]:
    """Cents, or smaller parts of a dollar → dollars."""
    return lambda value: None if value is None else rounded_money(value / parts, column)


def only_dollars(cost: Decimal | None, currency: str | None) -> Decimal | None:
    """A cost in US dollars; another currency's cannot be added to the others."""
    is_foreign = currency is not None and currency.lower() not in _DOLLARS
    return None if is_foreign else cost


def other_money(cost: Decimal | None, currency: str | None) -> str | None:
    """A cost in another currency, to be kept beside the rest."""
    return (
        None if cost is None or only_dollars(cost, currency) is not None else f"{cost} {currency}"
    )


def sum_of_costs(given: Decimal | None, made: Decimal | None) -> Decimal | None:
    """Input's and output's cost; unknown where one of them is."""
    return None if given is None or made is None else given + made


# --- tokens --------------------------------------------------------------------------------


def input_as_given(given: int | None, *_cache: int | None) -> int | None:
    """The input counts what was read from and written to a cache."""
    return given


def input_without_cache(
    given: int | None, read: int | None, write: int | None, *_rest: int | None
) -> int | None:
    """The input leaves out the cache: add it."""
    if given is None and not read and not write:
        return None
    total = (given or 0) + (read or 0) + (write or 0)
    if total > BIGINT_MAX:
        raise RowReject("out_of_range", "input_tokens", "input_tokens is larger than a bigint")
    return total


def input_by_row(
    given: int | None, read: int | None, write: int | None, made: int | None, total: int | None
) -> int | None:
    """The input counts the cache unless the row itself shows that it cannot."""
    cached = (read or 0) + (write or 0)
    if given is None or not cached:
        return given
    adds_up = total is not None and made is not None and total == given + made + cached
    return input_without_cache(given, read, write) if adds_up or cached > given else given


def with_thoughts(answer: int | None, thoughts: int | None) -> int | None:
    """Output with the thoughts that Gemini counts apart."""
    return answer if answer is None or thoughts is None else answer + thoughts


def odd_total(total: int | None, given: int | None, made: int | None) -> int | None:
    """The file's own total where it is not the sum of the two."""
    is_sum = given is not None and made is not None and total == given + made
    return None if is_sum else total


# --- outcome --------------------------------------------------------------------------------


def outcome(status: str | None) -> bool | None:
    """`ok`, `timeout`, `429` …; None for a word that says neither."""
    if status is None:
        return None
    word = status.strip().lower()
    if word[:3].isdecimal() and len(word) >= len("200") and not word[3:4].isdecimal():
        code = int(word[:3])
        return code < _FIRST_FAILURE if code in _CODES else None
    if word in _GOOD:
        return True
    return False if word in _BAD or word.startswith(("error", "fail", "timeout")) else None


def error_text(error: str | None) -> str | None:
    """What went wrong, in words; nothing where the column only says whether something did."""
    if error is None or error.strip().lower() in {*_NO_ERROR, "true", "yes", "1"}:
        return None
    return error


def succeeded(
    success: bool | None, failed: bool | None, status: str | None, error: str | None
) -> bool | None:
    """What the row says of its outcome: most plainly first."""
    if success is not None:
        return success
    if failed is not None:
        return not failed
    said = outcome(status)
    if said is None and error is not None and error.strip().lower() not in _NO_ERROR:
        return False
    return said
