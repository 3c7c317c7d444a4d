"""The page without a store: columns of numbers, composed queries, and the markup around them."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_telemetry_postgres.dashboard import queries
from target_telemetry_postgres.dashboard.columns import Packer, unpack
from target_telemetry_postgres.dashboard.options import PageOptions, check_without
from target_telemetry_postgres.dashboard.page import assemble
from target_telemetry_postgres.errors import ConfigError

VENDORED = files("target_telemetry_postgres.dashboard") / "vendor" / "echarts"


@given(columns=st.lists(st.lists(st.integers(-(2**53), 2**53)), max_size=4))
def test_columns_come_back_as_they_went_in(columns: list[list[int]]) -> None:
    packer = Packer()
    packed = [packer.add(column) for column in columns]
    rising = [packer.add(sorted(column), rising=True) for column in columns]
    blob = bytes(packer.blob)
    assert [unpack(blob, one) for one in packed] == columns
    assert [unpack(blob, one) for one in rising] == [sorted(column) for column in columns]


def test_the_library_is_what_its_makers_published() -> None:
    digest = hashlib.sha256((VENDORED / "echarts.common.min.js").read_bytes()).hexdigest()
    assert digest in (VENDORED / "README.md").read_text()
    assert {entry.name for entry in VENDORED.iterdir()} >= {"LICENSE", "NOTICE", "LICENSE-d3"}


def test_every_script_and_style_is_allowed_by_its_hash_and_nothing_else_is() -> None:
    page = assemble(zlib.compress(b"data"))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    allowed = policy[1].replace("&#x27;", "'")
    found = re.findall(r"<(script|style)>(.*?)</\1>", page, re.DOTALL)
    assert [kind for kind, _ in found] == ["style", "script", "script"]
    for _, text in found:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in allowed
    assert "default-src 'none'" in allowed
    assert "connect-src 'none'" in allowed
    assert "script-src 'sha256-" in allowed
    assert "unsafe" not in allowed.split("style-src-attr")[0]


def test_only_a_served_page_may_ask_and_only_its_own_server() -> None:
    assert "connect-src &#x27;self&#x27;;" in assemble(None)


def test_data_that_looks_like_a_place_holder_stays_as_it_is() -> None:
    page = assemble(zlib.compress(b"x"), title="{{script}} </title><b>")
    assert "<title>{{script}} &lt;/title&gt;&lt;b&gt;</title>" in page


def test_a_query_brings_the_facts_that_it_asks_and_those_that_they_ask() -> None:
    composed = queries.compose(queries.read("cubes", "ci_green"))
    order = [composed.index(f"{name} as (") for name in ("run_facts", "green_facts", "counted")]
    assert order == sorted(order)
    assert composed.count("run_facts as (") == 1


@pytest.mark.parametrize("folder", ["facts", "cubes", "kept", "panels", "tables"])
def test_every_query_says_what_it_is_for(folder: str) -> None:
    for name in queries.names(folder):
        assert queries.purpose(queries.read(folder, name)).endswith("."), name


def test_what_a_page_cannot_be_made_without_is_refused() -> None:
    assert check_without("users, titles") == {"users", "titles"}
    with pytest.raises(ConfigError, match="cannot be made without names; possible are users"):
        check_without("users,names")


def test_a_page_begins_186_days_back_in_its_own_zone() -> None:
    options = PageOptions(zone="Pacific/Auckland")
    assert (options.last_day - options.first_day).days == 185
    with pytest.raises(ConfigError, match='no time zone "Mars/Olympus"'):
        _ = PageOptions(zone="Mars/Olympus").first_day
