"""The SDK's own acceptance tests of a target, all that can pass as they are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import singer_sdk.testing.target_test_streams as shipped
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.testing import SuiteConfig, get_target_test_class
from singer_sdk.testing.runners import TargetTestRunner

from target_telemetry_postgres.target import TargetTelemetryPostgres

if TYPE_CHECKING:
    from support.singer import Loader

CONFIG: dict[str, Any] = {}
STREAMS = Path(str(next(iter(shipped.__path__))))

StandardTests = get_target_test_class(
    target_class=TargetTelemetryPostgres, config=CONFIG, suite_config=SuiteConfig()
)


class TestTargetTelemetryPostgres(StandardTests):  # type: ignore[misc, valid-type] # made at run time
    """Run as shipped, against a real server."""

    @pytest.fixture(autouse=True)
    def _a_database(self, database_url: str) -> None:
        CONFIG["sqlalchemy_url"] = database_url


def sync(loader: Loader, name: str) -> TargetTestRunner:
    runner = TargetTestRunner(
        TargetTelemetryPostgres,
        config={"sqlalchemy_url": loader.url},
        input_filepath=STREAMS / f"{name}.singer",
    )
    runner.sync_all()
    return runner


def test_a_record_without_a_required_property_is_refused_in_the_sdks_words(loader: Loader) -> None:
    with pytest.raises(InvalidRecord, match="'id' is a required property"):
        sync(loader, "record_missing_required_property")


def test_the_last_state_of_many_is_emitted(loader: Loader) -> None:
    runner = sync(loader, "multiple_state_messages")
    assert runner.state_messages[-1] == {
        "test_multiple_state_messages_a": 5,
        "test_multiple_state_messages_b": 6,
    }


def test_duplicate_records_leave_the_last_of_each_key(loader: Loader) -> None:
    sync(loader, "duplicate_records")
    assert loader.table("test_duplicate_records") == [
        {"id": 1, "metric": 100},
        {"id": 2, "metric": 20},
    ]


def test_nul_characters_are_dropped_from_strings_objects_and_arrays(loader: Loader) -> None:
    sync(loader, "encoded_string_data")
    texts = [
        str(row)
        for name in ("strings", "strings_in_objects", "strings_in_arrays")
        for row in loader.table(f"test_{name}")
    ]
    assert len(texts) == 11 + 11 + 6
    assert not any("\\x00" in text for text in texts)
    assert any("\\\\u0000" in text for text in texts), "the six characters are text like any other"


def test_a_record_without_an_optional_property_keeps_the_columns(loader: Loader) -> None:
    sync(loader, "optional_attributes")
    assert [row["optional"] for row in loader.table("test_optional_attributes")] == [
        "This is optional",
        None,
        "Also optional",
        None,
    ]


def test_columns_appear_as_the_schema_grows(loader: Loader) -> None:
    sync(loader, "schema_updates")
    assert loader.types("test_schema_updates") == {
        "id": "bigint",
        "a1": "numeric",
        "a2": "text",
        "a3": "boolean",
        "a4": "jsonb",
        "a5": "text[]",
        "a6": "bigint",
    }
    assert len(loader.table("test_schema_updates")) == 6
