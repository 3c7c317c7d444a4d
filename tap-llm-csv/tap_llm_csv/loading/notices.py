"""What a run says about columns, once a file: those it does not understand, and secrets."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_llm_csv.plans.plan import RowPlan

logger = logging.getLogger("tap-llm-csv")

_TARGETS = {
    "tokens": "input_tokens", "a cost": "estimated_cost", "a time": "duration_s",
    "an outcome": "success",
}  # fmt: skip


class Notices:
    """Says each thing once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._secrets: set[str] = set()

    def about(self, path: str, plan: RowPlan) -> None:
        """Tell of a plan's columns, before its rows are read."""
        doubts = {
            title: what for title, what in plan.doubts.items() if (path, title) not in self._told
        }
        if doubts:
            self._told.update((path, title) for title in doubts)
            title, what = next(iter(doubts.items()))
            column = {_TARGETS[what] if plan.stream == "llm_calls" else "dimensions.x": title}
            logger.warning(
                "%s: %s %s kept in %s only, because the name does not say enough; say what it is "
                "with column_map, for example %s, or %s to leave it there",
                path,
                ", ".join(f"{title} (looks like {what})" for title, what in doubts.items()),
                "is" if len(doubts) == 1 else "are",
                "extra" if plan.stream == "llm_calls" else "dimensions.details",
                json.dumps(column, ensure_ascii=False),
                json.dumps({f"extra.{title}": title}, ensure_ascii=False),
            )
        new = [title for title in plan.secrets if title not in self._secrets]
        if new:
            self._secrets.update(new)
            logger.warning(
                "%s: %s %s, and not stored as %s (the setting secrets decides)",
                path,
                ", ".join(new),
                "looks like a secret" if len(new) == 1 else "look like secrets",
                "it is" if len(new) == 1 else "they are",
            )

    @staticmethod
    def after(path: str, plan: RowPlan) -> None:
        """Tell of what a plan's rows had that is odd."""
        odd, plan.below_zero[:] = list(plan.below_zero), []
        if odd:
            logger.warning(
                "%s: %s row%s cost%s less than 0, the first %s: stored as the file has it",
                path, f"{len(odd):,}", *(("", "s") if len(odd) == 1 else ("s", "")), odd[0],
            )  # fmt: skip
