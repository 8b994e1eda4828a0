"""A template filled in as one HTML file that loads nothing: styles, scripts and Vega stand inside it."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from pipeline.report.style import STATUS_GLYPHS, VEGA_CONFIG

_TEMPLATES = Path(__file__).parent / "templates"


def render_page(template: str, context: Mapping[str, Any]) -> str:
    """Fill in a template that has tables or figures; what all such pages need is added to the context."""
    script, vega = _template_text("report.js"), _vega()
    shared = {
        "css": Markup(_template_text("report.css")),
        "script": Markup(script),
        "vega": Markup(vega),
        "chart_config": Markup(json.dumps(VEGA_CONFIG)),
        "content_security_policy": _policy([vega, script]),
        "status_glyphs": STATUS_GLYPHS,
    }
    return _environment().get_template(template).render(shared | dict(context))


def _policy(scripts: Sequence[str]) -> str:
    # Nothing may be fetched, and no script runs but these, whatever stands in the data.
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    ]
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; img-src data: blob:"
    )


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script, in the versions that Altair writes for."""
    wanted = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    bundle = vl_convert.javascript_bundle(vl_version=wanted)  # pyright: ignore[reportCallIssue]
    # Its top-level names are kept out of the page's.
    return f"(()=>{{{bundle}}})();".replace("</script", "<\\/script")


@cache
def _template_text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
