"""The gate's findings as JUnit XML: a suite a scenario, a test a comparison."""

import math
import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from pipeline.regression.gate import FAILING, Finding, Outcome
from pipeline.regression.markdown import number

# XML 1.0 knows no control characters but tab, line feed and carriage return, and no lone surrogates.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(outcome: Outcome, record: dict[str, Any]) -> bytes:
    """Return the XML file's content.

    Regressions and what is missing are failures; what is new or cannot be judged is skipped.
    """
    root = ElementTree.Element("testsuites", {"name": "regression", **_counts(outcome.findings), "time": "0"})
    for scenario in dict.fromkeys(finding.scenario for finding in outcome.findings):
        own = sorted(
            (f for f in outcome.findings if f.scenario == scenario), key=lambda f: (f.method, f.subject)
        )
        finished = str(record.get("finished") or "1970-01-01T00:00:00")[:19]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            {"name": _clean(scenario), **_counts(own), "time": "0", "timestamp": _clean(finished)},
        )
        for finding in own:
            name = {"name": _clean(finding.subject), "classname": _clean(f"{scenario}.{finding.method}")}
            case = ElementTree.SubElement(suite, "testcase", {**name, "time": "0"})
            told = _clean(_told(finding))
            if finding.verdict in FAILING:
                kind = {"message": told, "type": finding.verdict}
                ElementTree.SubElement(case, "failure", kind).text = told
            elif finding.verdict in ("new", "not judged"):
                ElementTree.SubElement(case, "skipped", {"message": told})
            else:
                ElementTree.SubElement(case, "system-out").text = told
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _counts(findings: Iterable[Finding]) -> dict[str, str]:
    verdicts = [finding.verdict for finding in findings]
    return {
        "tests": str(len(verdicts)),
        "failures": str(sum(verdict in FAILING for verdict in verdicts)),
        "errors": "0",
        "skipped": str(sum(verdict in ("new", "not judged") for verdict in verdicts)),
    }


def _told(finding: Finding) -> str:
    numbers = [
        f"{name} {number(value)}"
        for name, value in (
            ("old", finding.old),
            ("new", finding.new),
            ("ratio", finding.ratio),
            ("p", finding.p_value),
        )
        if not math.isnan(value)
    ]
    return ": ".join(part for part in (finding.verdict, ", ".join(numbers), finding.note) if part)


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
