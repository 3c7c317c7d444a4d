"""The text of a generated function, line by line, and the values that it uses."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from tap_llm_csv.records.cells import RowReject

if TYPE_CHECKING:
    from tap_llm_csv.dialects.model import Dialect, PlanOptions
    from tap_llm_csv.pricing.pricer import Pricer


class Source:
    """What is written of a dialect's row function, and what it is written for."""

    def __init__(self, dialect: Dialect, options: PlanOptions, pricer: Pricer) -> None:
        self.dialect = dialect
        self.options = options
        self.pricer = pricer
        self.lines: list[str] = []
        self.names: dict[str, str] = {}
        """Each target that the code has a value for → the local variable that holds it."""
        self._numbers = count()
        self._scope: dict[str, Any] = {"RowReject": RowReject}

    def say(self, *lines: str) -> None:
        """Write lines of the function's body."""
        self.lines.extend(lines)

    def put(self, prefix: str, value: Any) -> str:
        """Give the code access to a value, under a name of its own."""
        name = f"{prefix}{len(self._scope)}"
        self._scope[name] = value
        return name

    def local(self, target: str) -> str:
        """The variable of a target, which from now on has one."""
        if target not in self.names:
            self.names[target] = f"v{next(self._numbers)}"
        return self.names[target]

    def compiled(self, source: str, name: str) -> Any:
        """Compile a function of this name."""
        code = compile(source, f"<{name} of the {self.dialect.name} dialect>", "exec")
        exec(code, self._scope)  # noqa: S102 - our own text; what users wrote enters as data
        return self._scope[name]
