"""Chat requests on a real server: loaded, kept closed, fingerprinted, priced and reported."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.sample_rows import NOON, chat, insert
from support.singer import record, records, schema
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from support.singer import Loader
    from target_telemetry_postgres.postgres.database import Database

EVER = "2020-01-01"
TEXT = {"type": ["string", "null"]}
COUNT = {"type": ["integer", "null"]}
STREAM = schema(
    "chat_telemetry_log",
    {
        "log_id": {"type": "string", "format": "uuid"},
        "created_at": {"type": ["string", "null"], "format": "date-time"},
        "user_id": TEXT, "user_question": TEXT, "generated_sql": TEXT, "sql_model": TEXT,
        "is_off_topic": {"type": ["boolean", "null"]}, "sql_input_tokens": COUNT,
        "sql_output_tokens": COUNT, "follow_up_suggestions": {"type": ["array", "null"]},
    },
    ["log_id"],
)  # fmt: skip


def request(number: int, **more: Any) -> dict[str, Any]:
    return {
        "log_id": str(uuid.UUID(int=number)), "created_at": "2026-02-01T12:00:00Z",
        "user_id": "ana", "user_question": "Why?", "is_off_topic": False, **more,
    }  # fmt: skip


def fingerprint(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def report(url: str, name: str, *more: str) -> list[dict[str, Any]]:
    ran = telemetry("--url", url, "report", name, "--since", EVER, "--json", *more)
    assert ran.code == 0, ran.err
    rows: list[dict[str, Any]] = ran.json
    return rows


def price(database: Database, model: str, *rates: str, **more: Any) -> None:
    given, cached, made = rates
    row = {
        "model": model, "valid_from": "2020-01-01", "input_usd_per_million": given,
        "cached_input_usd_per_million": cached, "output_usd_per_million": made,
    }  # fmt: skip
    insert(database, "model_prices", row | more)


# --- stored ---------------------------------------------------------------------------------------


def test_requests_are_stored_and_the_same_again_changes_nothing(loader: Loader) -> None:
    rows = [
        request(1, generated_sql="SELECT 1", follow_up_suggestions=["And?"]), request(2),
    ]  # fmt: skip
    loader.load(STREAM, records("chat_telemetry_log", rows))
    loader.load(STREAM, records("chat_telemetry_log", rows))
    ledger = loader.ledger("chat_telemetry_log")
    assert (ledger["rows_inserted"], ledger["rows_updated"], ledger["rows_unchanged"]) == (0, 0, 2)
    first, _ = loader.table("chat_telemetry_log", "log_id")
    assert first["created_at"] == NOON
    assert first["follow_up_suggestions"] == ["And?"]


@pytest.mark.parametrize(
    ("sql", "folded"),
    [
        ("SELECT  *\n\tFROM Runs", "select * from runs"),
        ("  SELECT 1 ", " select 1 "),
        ("SELECT 'Ä'", "select 'ä'"),
    ],
)
def test_the_fingerprint_folds_blanks_and_letter_case_and_trims_nothing(
    sql: str, folded: str, loader: Loader
) -> None:
    loader.load(STREAM, record("chat_telemetry_log", request(1, generated_sql=sql)))
    (row,) = loader.table("chat_telemetry_log")
    assert row["sql_fingerprint"] == fingerprint(folded)


def test_the_fingerprint_follows_the_sql_and_goes_with_it(loader: Loader) -> None:
    loader.load(STREAM, record("chat_telemetry_log", request(1, generated_sql="a")))
    loader.load(STREAM, record("chat_telemetry_log", request(1, generated_sql="B")))
    (row,) = loader.table("chat_telemetry_log")
    assert row["sql_fingerprint"] == fingerprint("b")
    loader.load(STREAM, record("chat_telemetry_log", request(1, generated_sql=None)))
    (row,) = loader.table("chat_telemetry_log")
    assert row["sql_fingerprint"] is None
    loader.execute("update chat_telemetry_log set sql_fingerprint = 'mine'")
    (row,) = loader.table("chat_telemetry_log")
    assert row["sql_fingerprint"] is None


def test_a_request_without_what_it_needs_is_refused_and_the_others_are_stored(
    loader: Loader,
) -> None:
    rows = [request(1), request(2, user_question=None), request(3, user_id=None)]
    loader.load(STREAM, records("chat_telemetry_log", rows), invalid_record_treatment="quarantine")
    assert len(loader.table("chat_telemetry_log")) == 1
    columns = loader.query("select column_name from rejected_records order by 1")
    assert columns == [("user_id",), ("user_question",)]


def test_old_requests_stay_unless_a_retention_says_otherwise(loader: Loader) -> None:
    old = request(1, created_at="2001-01-01T00:00:00Z")
    loader.load(STREAM, record("chat_telemetry_log", old))
    assert len(loader.table("chat_telemetry_log")) == 1
    loader.load(
        STREAM, record("chat_telemetry_log", request(2)),
        retention={"chat_telemetry_log": "20 years"},
    )  # fmt: skip
    assert [row["log_id"].int for row in loader.table("chat_telemetry_log")] == [2]


# --- priced ---------------------------------------------------------------------------------------


def test_a_load_notes_what_the_models_of_its_requests_cost(loader: Loader) -> None:
    rows = [request(1, sql_model="gpt-4o"), request(2, sql_model="nobody-knows-it")]
    loader.load(STREAM, records("chat_telemetry_log", rows))
    noted = loader.query(
        "select model, input_usd_per_million, cached_input_usd_per_million,"
        " output_usd_per_million from model_prices"
    )
    assert noted == [("gpt-4o", Decimal("2.5"), Decimal("1.25"), Decimal(10))]


def test_a_price_that_somebody_added_is_kept_and_is_the_only_one(
    loader: Loader, database: Database
) -> None:
    price(database, "gpt-4o", "1", "1", "1")
    loader.load(STREAM, record("chat_telemetry_log", request(1, sql_model="gpt-4o")))
    assert loader.query("select input_usd_per_million from model_prices") == [(1,)]


def test_reprice_notes_own_prices_too(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(database, "chat_telemetry_log", chat(1, sql_model="ours", sql_input_tokens=1000,
                                                sql_output_tokens=0))  # fmt: skip
    monkeypatch.setenv(
        "TAP_LLM_CSV_PRICE_OVERRIDES",
        '{"ours": [{"input": 1, "output": 2}, {"from": "2026-02-01", "input": 3, "output": 4}]}',
    )
    dry = telemetry("--url", database_url, "reprice", "--dry-run", "--json")
    assert (dry.code, dry.json["model_prices"]) == (0, 2), dry.err
    assert report(database_url, "chat-cost-per-day")[0]["requests_without_price"] == 1
    assert telemetry("--url", database_url, "reprice").code == 0
    (day,) = report(database_url, "chat-cost-per-day")
    assert (day["cost"], day["requests_without_price"]) == (0.003, 0)
    assert telemetry("--url", database_url, "reprice", "--json").json["model_prices"] == 0


def test_a_request_is_priced_at_its_own_date_and_by_its_size(
    database: Database, database_url: str
) -> None:
    price(database, "m", "1", "1", "0")
    price(database, "m", "2", "2", "0", valid_from="2026-02-02")
    price(database, "m", "5", "5", "0", valid_from="2026-02-02", from_input_tokens=2_000_001)
    million = {"sql_model": "m", "sql_input_tokens": 1_000_000, "sql_output_tokens": 1}
    insert(
        database, "chat_telemetry_log",
        chat(1, **million),
        chat(2, **million, created_at="2026-02-01T23:59:59Z"),
        chat(3, **million, created_at="2026-02-02T00:00:00Z"),
        chat(4, **million | {"sql_input_tokens": 3_000_000}, created_at="2026-02-02T01:00:00Z"),
    )  # fmt: skip
    days = report(database_url, "chat-cost-per-day")
    assert [(day["day"], day["cost"]) for day in days] == [("2026-02-02", 17), ("2026-02-01", 2)]


def test_a_request_whose_price_or_counts_are_not_known_is_counted_beside_the_sum(
    database: Database, database_url: str
) -> None:
    price(database, "m", "1", "0.1", "10")
    known = {"sql_model": "m", "sql_input_tokens": 1_000_000, "sql_output_tokens": 100_000}
    cached = {"response_model": "m", "response_input_tokens": 1_000_000,
              "response_cached_tokens": 600_000, "response_output_tokens": 0}  # fmt: skip
    insert(
        database, "chat_telemetry_log",
        chat(1, **known), chat(2, **known, **cached), chat(3),
        chat(4, **known, **cached | {"response_model": "dear"}),
        chat(5, **known | {"sql_output_tokens": None}),
        chat(6, **cached | {"response_cached_tokens": 2_000_000}),
    )  # fmt: skip
    (day,) = report(database_url, "chat-cost-per-day")
    # 1: 1 + 1; 2: 2 + 0.4 + 0.06; 3: nothing was asked of a model; 4 to 6 cannot be told.
    assert day == {
        "day": "2026-02-01", "requests": 6, "input_tokens": 7_000_000,
        "cached_tokens": 3_200_000, "output_tokens": 300_000, "cost": 4.46,
        "requests_without_price": 3,
    }  # fmt: skip


# --- reported -------------------------------------------------------------------------------------


@pytest.fixture
def week(database: Database) -> None:
    """A handful of requests of which every figure can be told by hand."""
    price(database, "small", "1", "0.5", "2")
    price(database, "large", "10", "5", "20")
    steps = {"sql_input_tokens": 1_000_000, "sql_output_tokens": 500_000, "sql_model": "small"}
    answer = {"response_model": "large", "response_input_tokens": 100_000,
              "response_output_tokens": 50_000}  # fmt: skip
    sql = {"generated_sql": "select 1", "sql_execution_duration_ms": 10, "result_row_count": 1}
    other = {"generated_sql": "SELECT\n1", "sql_execution_duration_ms": 30, "result_row_count": 4}
    tomorrow = NOON + timedelta(days=1)
    insert(
        database, "chat_telemetry_log",
        chat(1, **steps, **answer, **sql, nl_to_sql_duration_ms=100, ttfb_ms=10),
        chat(2, **steps, **other, nl_to_sql_duration_ms=200, ttfb_ms=20, user_id="bo",
             error_type="timeout", failed_step="answer"),
        chat(3, **answer, user_id="bo", is_off_topic=True, response_generation_duration_ms=70),
        chat(4, user_id="bo", error_type="timeout", failed_step="answer", created_at=tomorrow,
             generated_sql="select 2", nl_to_sql_duration_ms=300),
        chat(5, created_at=tomorrow, error_type="syntax"),
        chat(6, created_at=NOON - timedelta(days=9000), error_type="syntax"),
    )  # fmt: skip


@pytest.mark.usefixtures("week")
def test_latency_is_told_by_step(database_url: str) -> None:
    rows = report(database_url, "chat-latency")
    assert [(row["step"], row["requests"], row["p50_ms"], row["p95_ms"], row["p99_ms"],
             row["longest_ms"]) for row in rows] == [
        ("question to SQL", 3, 200, 290, 298, 300),
        ("running the SQL", 2, 20, 29, 30, 30),
        ("writing the answer", 1, 70, 70, 70, 70),
        ("time to first byte", 2, 15, 20, 20, 20),
    ]  # fmt: skip


@pytest.mark.usefixtures("week")
def test_errors_are_a_share_of_all_requests(database_url: str) -> None:
    rows = report(database_url, "chat-errors")
    assert [(row["error_type"], row["failed_step"], row["failed"], row["error_rate"], row["users"])
            for row in rows] == [
        ("timeout", "answer", 2, 0.4, 1), ("syntax", "(none)", 1, 0.2, 1),
    ]  # fmt: skip


@pytest.mark.usefixtures("week")
def test_users_are_told_with_what_they_cost(database_url: str) -> None:
    # ana: 1 + 1 by the small model, 1 + 1 by the large one; bo: 2 by the small, 2 by the large.
    rows = report(database_url, "chat-users")
    assert [(row["user"], row["requests"], row["failed"], row["off_topic"], row["cost"])
            for row in rows] == [("bo", 3, 2, 1, 4), ("ana", 2, 1, 0, 4)]  # fmt: skip


@pytest.mark.usefixtures("week")
def test_sql_is_told_by_its_fingerprint(database_url: str) -> None:
    rows = report(database_url, "chat-sql-patterns")
    assert rows[0] == {
        "fingerprint": fingerprint("select 1"), "requests": 2, "users": 2, "failed": 1,
        "p50_ms": 20, "mean_result_rows": 2.5, "latest_sql": "SELECT\n1",
    }  # fmt: skip
    assert [row["requests"] for row in rows] == [2, 1]


@pytest.mark.usefixtures("week")
def test_off_topic_requests_are_told_by_day(database_url: str) -> None:
    assert report(database_url, "chat-off-topic") == [
        {"day": "2026-02-02", "requests": 2, "off_topic": 0, "off_topic_rate": 0},
        {"day": "2026-02-01", "requests": 3, "off_topic": 1, "off_topic_rate": 0.3333},
    ]


@pytest.mark.usefixtures("week")
def test_models_are_told_side_by_side(database_url: str) -> None:
    rows = report(database_url, "chat-models")
    assert rows == [
        {
            "model": "large", "writes": "answers", "requests": 2, "error_rate": 0, "p50_ms": 70,
            "p95_ms": 70, "input_tokens": 200_000, "output_tokens": 100_000, "cost": 4,
            "cost_per_request": 2, "requests_without_price": 0,
        },
        {
            "model": "small", "writes": "SQL", "requests": 2, "error_rate": 0.5, "p50_ms": 150,
            "p95_ms": 195, "input_tokens": 2_000_000, "output_tokens": 1_000_000, "cost": 4,
            "cost_per_request": 2, "requests_without_price": 0,
        },
    ]  # fmt: skip
