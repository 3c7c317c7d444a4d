"""However the events of traces are cut into batches, sent again and laid out, they are the same."""

from __future__ import annotations

import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest

from support.llm_csv import Machine

ROUNDS = 2_000 if os.environ.get("TELEMETRY_PROOF") == "full" else 40


def event(dice: random.Random, number: int) -> dict[str, Any]:
    """An event that differs from every other one, unless it has no number."""
    is_numbered = dice.random() < 0.7
    made: dict[str, Any] = {
        "seq": number if is_numbered else None,
        "ts": f"2026-10-05T10:00:{dice.randrange(60 if is_numbered else 2):02d}Z",
        "type": dice.choice(["edit", "command", "deploy"]),
        "payload": {"file": dice.choice("ab"), "nested": {"n": dice.choice([1, 2.5, None, "ü"])}},
    }
    if not is_numbered and dice.random() < 0.5:
        del made["seq"]
    return made


def shuffled(value: Any, dice: random.Random) -> Any:
    """The same JSON with its keys in another order."""
    if not isinstance(value, dict):
        return value
    items = list(value.items())
    dice.shuffle(items)
    return {name: shuffled(item, dice) for name, item in items}


@pytest.mark.proof
def test_batches_again_in_any_order_and_layout_bring_no_other_event() -> None:
    for seed in range(ROUNDS):
        dice = random.Random(seed)  # noqa: S311 - the same batches on every machine
        batches = [
            {"pr_id": f"o/r#{number}", "events": [event(dice, n) for n in range(dice.randrange(8))]}
            for number in range(1, dice.randrange(2, 5))
        ]
        with tempfile.TemporaryDirectory() as folder:
            once, again = Path(folder) / "once.ndjson", Path(folder) / "again.ndjson"
            once.write_text("".join(json.dumps(batch) + "\n" for batch in batches))
            first = Machine(once)
            first.run()
            told = sum(len(batch["events"]) for batch in batches)
            assert len(first.tables["pr_trace_events"]) == told, seed

            second = Machine(again)
            again.touch()
            for _ in range(dice.randrange(1, 4)):
                repeated = [*batches, *dice.choices(batches, k=dice.randrange(4))]
                dice.shuffle(repeated)
                with again.open("a") as file:
                    for batch in repeated:
                        file.write(json.dumps(shuffled(batch, dice)) + "\n")
                second.run()
            document = Path(folder) / "pr-traces" / "batch.json"
            document.parent.mkdir()
            document.write_text(json.dumps([shuffled(batch, dice) for batch in batches], indent=1))
            second.config["path"] = str(document.parent)
            second.run()
        assert second.tables["pr_trace_events"] == first.tables["pr_trace_events"], seed
        assert second.tables["pr_traces"] == first.tables["pr_traces"], seed
