"""The verdict of a gate as JUnit XML, which build servers show as tests."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from labelmetrics.errors import SettingError
from labelmetrics.gate.verdict import Inconclusive, Outcome, Verdict

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(verdict: Verdict, inconclusive: Inconclusive = "pass") -> bytes:
    """The verdict as JUnit XML: one test case per bound.

    A check that is not made, or is inconclusive, is a skipped test; where ``inconclusive`` is not ``"pass"``, the
    latter is a failed one.

    Parameters
    ----------
    verdict : Verdict
        What was found.
    inconclusive : {"pass", "fail", "exit-3"}
        What inconclusive checks mean.

    Examples
    --------
    >>> from labelmetrics.gate.verdict import Outcome
    >>> outcome = Outcome(status="fail", metric="f1", bound="min", limit=0.5, message="0.4000 is less than 0.5")
    >>> b'failures="1"' in to_junit(Verdict(outcomes=[outcome], evaluation="x.lmeval", data_rows=2))
    True
    """
    if inconclusive not in ("pass", "fail", "exit-3"):
        raise SettingError(f"inconclusive must be one of pass, fail, exit-3, got {inconclusive!r}")
    fails = {"fail"} if inconclusive == "pass" else {"fail", "inconclusive"}
    statuses = [one.status for one in verdict.outcomes]
    failures = sum(one in fails for one in statuses)
    skipped = sum(one in ("skipped", "inconclusive") and one not in fails for one in statuses)
    numbers = {"tests": str(len(statuses)), "failures": str(failures), "errors": "0"}
    root = ElementTree.Element("testsuites", {"name": "labelmetrics gate", **numbers})
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": _legal(verdict.evaluation), **numbers, "skipped": str(skipped), "time": "0"}
    )
    for one in verdict.outcomes:
        _case(suite, one, is_failure=one.status in fails)
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return text + b"\n"


def _case(suite: ElementTree.Element, one: Outcome, *, is_failure: bool) -> None:
    names = {"classname": "labelmetrics.gate", "name": _legal(one.title), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", names)
    message = _legal(one.why or one.status)
    if is_failure:
        failure = ElementTree.SubElement(case, "failure", {"message": message, "type": one.status})
        failure.text = "\n".join(
            f"{name}: {_legal(str(value))}" for name, value in one.to_dict().items() if value not in (None, "")
        )
    elif one.status in ("skipped", "inconclusive"):
        ElementTree.SubElement(case, "skipped", {"message": f"{one.status}: {message}"})
    elif one.status == "warn":
        ElementTree.SubElement(case, "system-out").text = f"warning: {message}"


def _legal(text: str) -> str:
    """Text without characters that XML cannot hold."""
    return _ILLEGAL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
