"""The sections on networks in a real browser: every chart is drawn, and nothing runs over, however narrow."""

import pytest

from pipeline.report.render import render_report
from tests.report.synthetic_networks import write_run_with_networks
from tests.report.test_browser import CLIPPED_LABELS, OVERFLOWS, _open, browser, hovered

pytestmark = pytest.mark.slow
__all__ = ["browser"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_run_with_networks(tmp_path_factory.mktemp("networks") / "default")
    render_report(folder)
    return folder


@pytest.mark.parametrize("width", [1280, 390])
def test_charts_are_drawn_and_fit(browser, folder, width):
    shown = _open(browser, folder, width)
    figures = shown.page.locator("figure.chart")
    assert shown.page.locator("figure.chart[data-drawn=yes]").count() == figures.count()
    assert not [text for text in shown.messages if not text.startswith("request: file:")]
    assert shown.page.evaluate(OVERFLOWS) == []
    assert shown.page.evaluate(CLIPPED_LABELS) == []
    if width == 1280:
        assert "band from" in hovered(shown.page, "ranks", "rule")
    shown.page.context.close()
