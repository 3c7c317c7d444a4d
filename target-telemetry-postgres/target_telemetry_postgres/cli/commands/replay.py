"""`telemetry replay`: how good estimates of output tokens were, and how good others would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from target_telemetry_postgres.cli import output
from target_telemetry_postgres.cli.session import (
    Session,
    existing_columns,
    pass_session,
    read_sql,
)
from target_telemetry_postgres.cli.spans import instant_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from target_telemetry_postgres.cli.validation.figures import Stratum
    from target_telemetry_postgres.cli.validation.samples import Estimator, Sample

_TABLE = "token_estimation_v2_events"
_COLUMNS = (
    output.Column("category"),
    output.Column("complexity"),
    output.Column("deliverables"),
    output.Column("samples", right=True),
    output.Column("mean SMAPE", right=True),
    output.Column("p50", right=True),
    output.Column("p90", right=True),
    output.Column("too low", right=True),
    output.Column("budget/actual", right=True),
)
_CANDIDATE = (
    output.Column("tried on", right=True),
    output.Column("its mean", right=True),
    output.Column("its p50", right=True),
    output.Column("its p90", right=True),
    output.Column("its too low", right=True),
)


@click.command(
    name="replay",
    epilog="""\b
Errors are symmetric (SMAPE, 0 to 200 %), over events that were not truncated and have positive
counts. Strata of fewer than 20 samples say little; 30 to 50 are aimed at. An estimator is called
as function(deliverables, category, complexity) and says tokens; the current folder is searched.

\b
Example:
  telemetry replay --since 90d --estimator estimators:by_size""",
)
@click.option(
    "--since", metavar="WHEN", callback=instant_option, help="Only events from then on: 90d."
)
@click.option("--estimator", metavar="MODULE:FUNCTION", help="Try another estimator.")
@click.option(
    "--synthetic",
    is_flag=True,
    help="Try it also on events without deliverables, with src/file1.py … in their place.",
)
@output.json_option
@pass_session
def command(
    session: Session,
    *,
    since: datetime | None,
    estimator: str | None,
    synthetic: bool,
    as_json: bool,
) -> None:
    """Check the estimates of output tokens against what came."""
    from target_telemetry_postgres.cli.validation import candidate
    from target_telemetry_postgres.cli.validation.samples import Sample

    if synthetic and not estimator:
        raise click.UsageError("--synthetic goes with --estimator.")
    tried = candidate.load(estimator) if estimator else None
    with session.reading() as reader:
        there = _TABLE in existing_columns(reader)
        rows = reader.rows(read_sql("estimates.sql"), {"since": since}) if there else []
    told = collect([Sample.of(row) for row in rows], tried, synthetic=synthetic)
    if as_json:
        output.print_json({"since": since, "estimator": estimator, **told})
        return
    if not rows:
        click.echo("No estimates are stored; tap-llm-csv loads them from files.")
        return
    _print(told)


def collect(
    samples: Sequence[Sample], estimator: Estimator | None = None, *, synthetic: bool = False
) -> dict[str, Any]:
    """All figures over some samples."""
    from target_telemetry_postgres.cli.validation import figures

    usable = [sample for sample in samples if sample.is_comparable and not sample.truncated]
    groups = figures.strata(usable)
    everything = figures.Stratum("(all)", "(all)", "(all)", usable)
    return {
        "events": len(samples),
        "samples": len(usable),
        "without_positive_counts": sum(
            not sample.is_comparable and not sample.truncated for sample in samples
        ),
        "actual_is_a_total": sum(sample.from_total for sample in usable),
        "own_figures_differ": sum(sample.differs for sample in samples),
        "made_up_deliverables": sum(sample.is_made_up for sample in usable),
        "without_deliverables": sum(sample.deliverables is None for sample in usable),
        "cut_deliverables": sum(sample.is_cut for sample in usable),
        "overall": _told(everything, estimator, synthetic=synthetic),
        "strata": [_told(group, estimator, synthetic=synthetic) for group in groups],
        "truncation": figures.truncation(samples),
    }


def _told(stratum: Stratum, estimator: Estimator | None, *, synthetic: bool) -> dict[str, Any]:
    """A stratum's figures; those of the estimator beside what was predicted of the same events."""
    from target_telemetry_postgres.cli.validation import candidate, figures

    told = stratum.told()
    if estimator is not None:
        on = [
            sample
            for sample in stratum.samples
            if sample.deliverables is not None or (synthetic and sample.deliverable_count)
        ]
        told["candidate"] = {
            "samples": len(on),
            **figures.errors(candidate.pairs(estimator, on, made_up=synthetic)),
            "then": figures.errors([(s.predicted or 0, s.actual or 0) for s in on]),
        }
    return told


def _print(told: dict[str, Any]) -> None:
    tried = "candidate" in told["overall"]
    columns = (*_COLUMNS, *(_CANDIDATE if tried else ()))
    lines = [_line(stratum) for stratum in [*told["strata"], told["overall"]]]
    output.print_table(columns, lines)
    for sentence in _notes(told):
        click.echo(sentence)


def _line(stratum: dict[str, Any]) -> list[str]:
    number = stratum["samples"]
    aim = "" if stratum["category"] == "(all)" else f" of {stratum['aim'][0]}"
    few = " few" if stratum["too_few"] else ""
    line = [
        stratum["category"],
        stratum["complexity"],
        stratum["deliverables"],
        f"{number:,}{aim}{few}",
        *_errors(stratum),
        _ratio(stratum["mean_budget_ratio"]),
    ]
    if "candidate" in stratum:
        line += [f"{stratum['candidate']['samples']:,}", *_errors(stratum["candidate"])]
    return line


def _errors(figures: dict[str, Any]) -> list[str]:
    smape = (figures[name] for name in ("mean_smape", "p50_smape", "p90_smape"))
    return [
        *("-" if value is None else f"{value:.1f} %" for value in smape),
        output.share(figures["underestimated"]),
    ]


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _notes(told: dict[str, Any]) -> Iterator[str]:
    cut = told["truncation"]
    yield (
        f"{output.count(told['events'], 'event')}: {told['samples']:,} compared, "
        f"{cut['truncated']:,} truncated, {told['without_positive_counts']:,} without positive "
        "counts."
    )
    if cut["truncated"]:
        yield (
            "The actual of a truncated one is a lower bound: "
            f"{cut['surely_underestimated']:,} were surely estimated too low; "
            f"{cut['at_their_budget']:,} used their budget up."
        )
    few = sum(stratum["too_few"] for stratum in told["strata"])
    if few:
        yield f"{output.count(few, 'stratum', 'strata')} with fewer than 20 samples (few)."
    for name, noun in _WARNINGS.items():
        if told[name]:
            yield f"Warning: {output.count(told[name], 'sample')} {noun}"
    candidate = told["overall"].get("candidate")
    if candidate and candidate["samples"]:
        then = candidate["then"]["mean_smape"]
        yield (
            f"The estimator's mean SMAPE is {candidate['mean_smape']:.1f} %, and that of the "
            f"predictions of then {then:.1f} %, on the same {candidate['samples']:,} samples."
        )


_WARNINGS = {
    "made_up_deliverables": "with synthetic deliverables (src/file1.py …): not a validation.",
    "without_deliverables": "without deliverables: no estimator can be tried on them.",
    "cut_deliverables": "had more deliverables than are stored.",
    "actual_is_a_total": "have all tokens of a call in place of its output.",
    "own_figures_differ": "came with figures of their own that differ from ours.",
}
