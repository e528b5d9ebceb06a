"""Checks of a gate as tests of pytest.

``pytest --labelmetrics-gate gate.toml --labelmetrics-evaluation x.lmeval`` collects one test per bound, beside the
tests that there are; the fixture ``labelmetrics_evaluation`` gives the evaluation to tests that people write.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from labelmetrics.evaluation import Evaluation
    from labelmetrics.gate.verdict import Outcome

NODE = "labelmetrics gate"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("labelmetrics", "quality gate of labelmetrics")
    group.addoption("--labelmetrics-gate", metavar="FILE", help="TOML file of checks, each of which becomes a test.")
    group.addoption("--labelmetrics-evaluation", metavar="EVALUATION", help="Evaluation file, or metric lines.")
    group.addoption("--labelmetrics-baseline", metavar="EVALUATION", help="What it is compared with.")
    group.addoption(
        "--labelmetrics-allow-missing-baseline",
        action="store_true",
        help="Skip checks against a baseline where there is none.",
    )
    group.addoption(
        "--labelmetrics-inconclusive",
        choices=["pass", "fail"],
        default="pass",
        help="Whether an inconclusive check is a skipped or a failed test.",
    )


@pytest.fixture(scope="session")
def labelmetrics_evaluation(pytestconfig: pytest.Config) -> Evaluation:
    """The evaluation that ``--labelmetrics-evaluation`` names."""
    from labelmetrics.evaluation import load

    path = pytestconfig.getoption("--labelmetrics-evaluation")
    if path is None:
        pytest.skip("--labelmetrics-evaluation names no evaluation")
    return load(path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the checks; first of all, so that ``-k`` chooses among them too."""
    gate = config.getoption("--labelmetrics-gate")
    if gate is not None:
        collector = GateCollector.from_parent(session, name=NODE, nodeid=NODE)
        items.extend(collector.collect())


class GateCollector(pytest.Collector):
    """Runs the gate, and makes a test of each outcome."""

    def collect(self) -> Iterator[pytest.Item]:
        """The tests."""
        from labelmetrics.errors import LabelmetricsError
        from labelmetrics.gate.running import run_gate

        option = self.config.getoption
        evaluation = option("--labelmetrics-evaluation")
        if evaluation is None:
            raise pytest.UsageError("--labelmetrics-gate needs --labelmetrics-evaluation")
        try:
            verdict = run_gate(
                evaluation,
                option("--labelmetrics-gate"),
                baseline=option("--labelmetrics-baseline"),
                allow_missing_baseline=option("--labelmetrics-allow-missing-baseline"),
            )
        except LabelmetricsError as error:
            raise pytest.UsageError(f"labelmetrics gate: {error}") from error
        for outcome in verdict.outcomes:
            yield GateItem.from_parent(self, name=outcome.title, outcome=outcome)


class GateItem(pytest.Item):
    """One bound of a check, or a guard."""

    def __init__(self, *, outcome: Outcome, **settings: Any) -> None:
        super().__init__(**settings)
        self.outcome = outcome

    def runtest(self) -> None:
        """Fail, skip or pass as the gate has it."""
        one = self.outcome
        fails = {"fail"} if self.config.getoption("--labelmetrics-inconclusive") == "pass" else {"fail", "inconclusive"}
        if one.status in fails:
            raise GateError(f"{one.title}: {one.why}")
        if one.status in ("skipped", "inconclusive"):
            pytest.skip(f"{one.status}: {one.why}")
        if one.status == "warn":
            warnings.warn(GateWarning(f"{one.title}: {one.why}"), stacklevel=1)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone: where it was raised says nothing."""
        if isinstance(excinfo.value, GateError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where the test stands."""
        return self.config.getoption("--labelmetrics-gate"), None, self.name


class GateError(Exception):
    """A check that does not hold."""


class GateWarning(pytest.PytestWarning):
    """A check that does not hold, and may."""
