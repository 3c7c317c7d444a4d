"""An estimator that somebody wants to try: `module:function`, called on stored deliverables."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from target_telemetry_postgres.cli.validation.samples import stand_ins
from target_telemetry_postgres.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_telemetry_postgres.cli.validation.figures import Pair
    from target_telemetry_postgres.cli.validation.samples import Estimator, Sample


def load(name: str) -> Estimator:
    """Import an estimator; the current folder counts as a place to find it in.

    Raises:
        ConfigError: There is no such function.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f'"{name}" is no estimator: write module:function.')
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ConfigError(f"{module_name} cannot be imported: {_words(error)}.") from error
    function: Estimator | None = getattr(module, attribute, None)
    if not callable(function):
        raise ConfigError(f"{module_name} has no function {attribute}.")
    return function


def pairs(estimator: Estimator, samples: Sequence[Sample], *, made_up: bool) -> list[Pair]:
    """What the estimator says of each sample, and what came.

    Raises:
        ConfigError: It fails, or says something that is no number of tokens.
    """
    found = []
    for sample in samples:
        deliverables = sample.deliverables
        if deliverables is None and made_up and sample.deliverable_count:
            deliverables = stand_ins(sample.deliverable_count)
        if deliverables is None:
            continue
        try:
            tokens = estimator(list(deliverables), sample.category, sample.complexity)
        except Exception as error:
            raise ConfigError(
                f"The estimator fails on event {sample.event_id}: {_words(error)}."
            ) from error
        is_number = isinstance(tokens, int | float) and not isinstance(tokens, bool)
        if not is_number or not 0 < tokens < math.inf:
            raise ConfigError(
                f"The estimator says {tokens!r} of event {sample.event_id}, "
                "which is no number of tokens."
            )
        found.append((round(tokens), sample.actual or 0))
    return found


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": .")
