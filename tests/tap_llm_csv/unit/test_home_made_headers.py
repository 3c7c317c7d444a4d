"""Logs that somebody's own program writes: no value is wrong without a word.

The spellings are written down here once more, so that the table in the tap is held against another
hand's. A column is either read right, or refused with its file, or left in `extra` and told of.
"""

from __future__ import annotations

import json
import os
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tap_llm_csv.dialects.model import HeaderError, PlanOptions
from tap_llm_csv.plans.choose import plan_for
from tap_llm_csv.pricing.pricer import pricer_for
from tap_llm_csv.records import objects

if TYPE_CHECKING:
    from tap_llm_csv.plans.plan import RowPlan

FILES = 20_000 if os.environ.get("TELEMETRY_PROOF") == "full" else 250
PRICER = pricer_for({}, {"m": {"input": 2, "output": 8, "cache_read": 0.5, "cache_write": 3}})

INPUT = ["input_tokens", "prompt_tokens", "tokens_in", "in_tokens", "prompt_token_count",
         "num_input_tokens", "tokens_prompt", "input_token_count", "tokens sent"]  # fmt: skip
OUTPUT = ["output_tokens", "completion_tokens", "tokens_out", "out_tokens", "response_tokens",
          "num_output_tokens", "tokens_completion", "generated_tokens",
          "tokens response"]  # fmt: skip
TIME = ["timestamp", "ts", "datetime", "created_at", "logged_at", "date", "time", "start_time"]
MODEL = ["model", "model_name", "llm_model", "model_id", "llm"]
# Names → how many of the unit are in a dollar, or milliseconds in one of the unit.
COST = {"cost": 1, "cost_usd": 1, "total_cost": 1, "estimated_cost_usd": 1, "total_cost_usd": 1,
        "spend": 1, "est_cost": 1, "cost_cents": 100, "cost_micro_usd": 10**6}  # fmt: skip
DURATION = {"latency_ms": 1, "duration_ms": 1, "elapsed_ms": 1, "response_time_ms": 1,
            "latency_sec": 1000, "latency_s": 1000, "duration_seconds": 1000, "elapsed_secs": 1000,
            "runtime_us": Decimal("0.001"), "latency (ms)": 1}  # fmt: skip
OUTSIDE = [("cache_read_input_tokens", "cache_creation_input_tokens"),
           ("cacheReadTokens", "cacheCreationTokens"),
           ("cache_read_tokens", "cache_creation_tokens")]  # fmt: skip
INSIDE = ["cached_tokens", "cached_input_tokens", "prompt_cached_tokens", "cached_prompt_tokens"]
OUTCOME = {"status": ("ok", "error"), "success": ("true", "false"), "succeeded": ("1", "0"),
           "is_error": ("false", "true"), "failed": ("no", "yes"), "status_code": ("200", "429"),
           "outcome": ("completed", "timeout")}  # fmt: skip
# What no table can know: each must be told of, never taken for something.
STRANGE = ["weird_tokens", "price", "cost_rub", "latency", "duration", "tokens_k", "fee", "elapsed",
           "result_code_error", "api_price_eur", "token_budget_used_tokens", "input",
           "output"]  # fmt: skip
HARMLESS = ["project", "host", "max_tokens", "temperature", "prompt_version", "region", "attempt"]


def spelt(name: str, rng: random.Random) -> str:
    words = name.replace("(", " ").replace(")", " ").replace("_", " ").split()
    return rng.choice(
        [
            name,
            "_".join(words),
            " ".join(words).title(),
            "_".join(words).upper(),
            "-".join(words),
            words[0].lower() + "".join(word.title() for word in words[1:]),
            " " + " ".join(words),
        ]
    )


class Log:
    """A header and its rows, with what each row means."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)  # noqa: S311 - the same files on every machine
        self.columns: dict[str, list[str]] = {}
        self.truth: list[dict[str, Any]] = [{} for _ in range(3)]
        self.strange: list[str] = []
        self.tokens()
        for row in self.truth:
            row["timestamp"] = f"2026-02-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:00:07"
        written = rng.choice(["iso", "blank", "compact", "epoch"])
        self.put(rng.choice(TIME), [self.moment(row["timestamp"], written) for row in self.truth])
        self.put(rng.choice(MODEL), ["m"] * 3)
        self.figures()
        for name in rng.sample(STRANGE, rng.choice([0, 0, 1, 2])):
            if self.put(name, [str(rng.randint(1, 10**6)) for _ in self.truth]):
                self.strange.append(name)
        for name in rng.sample(HARMLESS, rng.randint(0, 3)):
            self.put(name, ["x", "7", ""])
        names = list(self.columns)
        rng.shuffle(names)
        self.titles = {name: spelt(name, rng) for name in names}

    def put(self, name: str, cells: list[str]) -> bool:
        taken = {"".join(filter(str.isalnum, one.lower())) for one in self.columns}
        if "".join(filter(str.isalnum, name.lower())) in taken:
            return False
        self.columns[name] = cells
        return True

    def moment(self, iso: str, written: str) -> str:
        if written == "compact":
            return iso.replace("-", "").replace(":", "").replace("T", "-")
        if written == "epoch":
            from datetime import datetime, timezone  # noqa: PLC0415

            at = datetime.fromisoformat(iso).replace(tzinfo=timezone.utc)
            return str(int(at.timestamp()) * self.rng.choice([1, 1000]))
        return iso.replace("T", " ") if written == "blank" else iso + "Z"

    def tokens(self) -> None:
        rng = self.rng
        given = [rng.randint(1, 5000) for _ in self.truth]
        made = [rng.randint(0, 5000) for _ in self.truth]
        read = [rng.randint(0, 100_000) for _ in self.truth]
        write = [rng.randint(0, 3000) for _ in self.truth]
        kind = rng.choice(["none", "inside", "outside"])
        names = [name for name in INPUT if kind != "outside" or "prompt" not in name]
        cells = given
        if kind == "none":
            read, write = [0] * 3, [0] * 3
        elif kind == "inside":
            write = [0] * 3
            cells = [one + other for one, other in zip(given, read, strict=True)]
        self.put(rng.choice(names), list(map(str, cells)))
        self.put(rng.choice(OUTPUT), list(map(str, made)))
        if kind == "inside":
            self.put(rng.choice(INSIDE), list(map(str, read)))
        elif kind == "outside":
            first, second = rng.choice(OUTSIDE)
            self.put(first, list(map(str, read)))
            self.put(second, list(map(str, write)))
        for row, one, other, r, w in zip(self.truth, given, made, read, write, strict=True):
            row["input_tokens"], row["output_tokens"] = one + r + w, other
            row["total_tokens"] = one + r + w + other
            row["cache_read_tokens"] = None if kind == "none" else r
        if rng.random() < 0.3:
            self.put("total_tokens", [str(row["total_tokens"]) for row in self.truth])

    def figures(self) -> None:
        rng = self.rng
        if rng.random() < 0.6:
            name = rng.choice(list(COST))
            parts = [rng.randint(0, 10**7) for _ in self.truth]
            self.put(name, [str(Decimal(cost) * COST[name] / 10**6) for cost in parts])
            for row, cost in zip(self.truth, parts, strict=True):
                row["estimated_cost"] = Decimal(cost) / 10**6
        if rng.random() < 0.6:
            name = rng.choice(list(DURATION))
            spans = [rng.randint(0, 10**6) for _ in self.truth]
            self.put(name, [str(Decimal(span) / DURATION[name]) for span in spans])
            for row, span in zip(self.truth, spans, strict=True):
                row["duration_ms"] = span
        if rng.random() < 0.6:
            name = rng.choice(list(OUTCOME))
            ends = [rng.random() < 0.5 for _ in self.truth]
            self.put(name, [OUTCOME[name][not end] for end in ends])
            for row, end in zip(self.truth, ends, strict=True):
                row["success"] = end

    def rows(self) -> list[list[str]]:
        return [list(cells) for cells in zip(*(self.columns[n] for n in self.titles), strict=True)]


def read(log: Log, plan: RowPlan, *, as_json: bool) -> list[dict[str, Any]]:
    header = list(log.titles.values())
    if not as_json:
        return [plan.convert(cells) for cells in log.rows()]
    lines = [json.dumps(dict(zip(header, cells, strict=True))) for cells in log.rows()]
    return [plan.convert_object(objects.decode(line)) for line in lines]


def check(seed: int) -> bool:
    """Hold one file against what it means; tell whether it was understood."""
    log = Log(seed)
    header = list(log.titles.values())
    try:
        plan = plan_for(header, PlanOptions(), PRICER)
    except HeaderError as error:
        return not error.message
    where = (seed, header)
    for name in log.strange:
        assert log.titles[name].strip() in plan.doubts, (*where, name)
    for record, truth in zip(read(log, plan, as_json=seed % 2 == 0), log.truth, strict=True):
        for target, value in truth.items():
            found = record.get(target)
            if target == "timestamp":
                found = str(found)[:19]
            assert found == value, (*where, target, found, value, record)
        if "estimated_cost" not in truth:
            cached = record.get("cache_read_tokens") or 0
            assert record["cost_source"] == "estimated", where
            assert record["estimated_cost"] > 0 or not truth["total_tokens"], (*where, cached)
    return True


@pytest.mark.proof
def test_no_value_of_a_home_made_log_is_wrong_without_a_word() -> None:
    understood = sum(check(seed) for seed in range(FILES))
    assert understood > 0.95 * FILES


def record_of(header: str, cells: str, **options: Any) -> dict[str, Any]:
    plan = plan_for(header.split(","), PlanOptions(**options))
    return plan.convert(cells.split(","))


def test_anthropics_input_leaves_out_its_cache() -> None:
    record = record_of(
        "timestamp,model,input_tokens,output_tokens,cache_read_input_tokens,"
        "cache_creation_input_tokens",
        "2026-02-01T00:00:00Z,claude-sonnet-4-5,12,400,90000,2000",
    )
    assert record["input_tokens"] == 92_012
    assert record["estimated_cost"] == Decimal("0.04053600")


def test_a_setting_says_what_the_names_leave_open() -> None:
    header = "ts,model,input_tokens,output_tokens,cache_read_tokens"
    cells = "2026-02-01T00:00:00Z,gpt-4o,100,5,60"
    assert record_of(header, cells)["input_tokens"] == 100
    assert record_of(header, cells, cache_inside=False)["input_tokens"] == 160
    assert record_of(header, cells.replace(",60", ",600"))["input_tokens"] == 700


def test_a_total_tells_whether_the_cache_is_counted() -> None:
    header = "ts,model,prompt_tokens,completion_tokens,cache_read_input_tokens,total_tokens"
    assert record_of(header, "2026-02-01,gpt-4o,100,5,60,165")["input_tokens"] == 160
    assert record_of(header, "2026-02-01,gpt-4o,100,5,60,105")["input_tokens"] == 100


def test_a_total_that_is_no_sum_is_kept() -> None:
    header = "ts,model,prompt_tokens,completion_tokens,total_tokens"
    assert record_of(header, "2026-02-01,gpt-4o,100,5,130")["extra"] == {"total_tokens": 130}
    assert record_of(header, "2026-02-01,gpt-4o,100,5,105")["extra"] is None


def test_counts_inside_a_usage_object_are_read() -> None:
    row = {
        "time": "2026-02-01T00:00:00Z", "model": "gpt-4o",
        "usage": {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
                  "prompt_tokens_details": {"cached_tokens": 60}},
    }  # fmt: skip
    plan = plan_for(objects.names_of(row), PlanOptions())
    record = plan.convert_object(row)
    assert (record["input_tokens"], record["output_tokens"]) == (100, 5)
    assert record["cache_read_tokens"] == 60


def test_a_date_and_a_time_of_day_are_one_instant() -> None:
    header = "date,time,model,tokens_in,tokens_out"
    record = record_of(header, "2026-02-01,10:30:00,gpt-4o,1,2", timezone="Europe/Berlin")
    assert record["timestamp"] == "2026-02-01T09:30:00+00:00"


def test_money_of_another_country_is_no_dollars() -> None:
    record = record_of(
        "ts,model,tokens_in,tokens_out,cost,currency", "2026-02-01,gpt-4o,1000000,0,9,EUR"
    )
    assert (record["estimated_cost"], record["cost_source"]) == (Decimal("2.5"), "estimated")
    assert record["extra"] == {"cost": "9 EUR"}


def test_rows_that_count_calls_are_refused() -> None:
    with pytest.raises(HeaderError):
        plan_for(["day", "model", "requests", "tokens_in", "tokens_out"], PlanOptions())


def test_a_known_export_without_one_of_its_columns_is_no_home_made_log() -> None:
    header = ["Date", "Kind", "Model", "Max Mode", "Input (w/o Cache Write)", "Cache Read",
              "Output Tokens", "Total Tokens", "Cost"]  # fmt: skip
    with pytest.raises(HeaderError, match=r"input \(w/ cache write\)"):
        plan_for(header, PlanOptions())


@pytest.mark.parametrize(
    ("status", "expected"),
    [("ok", True), ("200", True), ("error", False), ("429", False), ("500 Internal", False),
     ("Timeout", False), ("", None), ("queued", None)],
)  # fmt: skip
def test_a_status_says_how_a_call_ended(status: str, expected: bool | None) -> None:
    record = record_of("ts,model,tokens_in,tokens_out,status", f"2026-02-01,gpt-4o,1,2,{status}")
    assert record["success"] is expected
    assert (record["extra"] or {}).get("status") == (status or None)


def test_thoughts_that_gemini_counts_apart_are_output() -> None:
    record = record_of(
        "ts,model,promptTokenCount,candidatesTokenCount,thoughtsTokenCount,totalTokenCount",
        "2026-02-01,gemini-2.5-pro,10,20,30,60",
    )
    assert (record["output_tokens"], record["total_tokens"]) == (50, 60)
    assert record["extra"] is None
