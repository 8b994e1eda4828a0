"""What every word and number of the report means: metrics from their registry, the rest from here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.report.scoring import METRICS, VERDICT_MEANINGS, VERDICT_WORDS


@dataclass(frozen=True)
class Entry:
    """One entry; ``anchor`` makes its HTML id, ``name`` is the column or metric name where there is one."""

    anchor: str
    title: str
    definition: str
    name: str = ""
    details: tuple[tuple[str, str], ...] = ()


_TERMS = Path(__file__).parent / "templates" / "glossary.yaml"
_NETWORK_TERMS = _TERMS.with_name("glossary-networks.yaml")
_LABEL_TERMS = _TERMS.with_name("glossary-labels.yaml")


def make_glossary(
    metrics: Iterable[str], *, has_networks: bool = False, has_labels: bool = False
) -> dict[str, Entry]:
    """Return the entries by anchor: the report's words first, then the metrics in the order given."""
    words = _word_entries(_TERMS) + (_word_entries(_NETWORK_TERMS) if has_networks else [])
    words += _word_entries(_LABEL_TERMS) if has_labels else []
    entries = [_verdict_entry(), *words, *(_metric_entry(name) for name in metrics)]
    return {entry.anchor: entry for entry in entries}


def _word_entries(file: Path) -> list[Entry]:
    entries = []
    for anchor, term in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        details = (("Source", term["source"]),) if "source" in term else ()
        entries.append(Entry(anchor, term["title"], term["definition"], term.get("name", ""), details))
    return entries


def _verdict_entry() -> Entry:
    text = " ".join(
        f"{VERDICT_WORDS[label].capitalize()}: {meaning}." for label, meaning in VERDICT_MEANINGS.items()
    )
    return Entry("verdict", "Verdict", text)


def _metric_entry(name: str) -> Entry:
    info = METRICS[name]
    details = [
        ("Formula", info.formula),
        ("Unit", info.unit),
        ("Better", f"{info.direction}; ideal {info.ideal_text}"),
        ("Summary", f"{info.summary} over data sets"),
        ("Floor", info.floor),
        ("Limit for “close”", "" if info.close is None else f"{info.close:g}"),
        ("Source", info.source),
    ]
    kept = tuple((label, text) for label, text in details if text)
    return Entry(name, info.title[:1].upper() + info.title[1:], info.definition, name, kept)
