"""The report in a real browser with the network off: charts, tables, keyboard, narrow screens, print."""

import csv
import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

pytestmark = pytest.mark.slow

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Elements whose text runs out of them or out of the window; what scrolls by itself is no overflow.
OVERFLOWS = """() => {
  const style = (e) => getComputedStyle(e);
  const scrolls = (e) => e && (['auto', 'scroll'].includes(style(e).overflowX) || scrolls(e.parentElement));
  const hidden = (e) => e.closest('.visually-hidden, .skip, thead, #vg-tooltip-element');
  return [...document.querySelectorAll('body *')].filter((e) => {
    const box = e.getBoundingClientRect();
    if (!box.width || hidden(e) || scrolls(e) || e.closest('svg.marks')) return false;
    const inner = e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && style(e).display !== 'inline';
    return inner || box.right > innerWidth + 0.5 || box.left < -0.5;
  }).map((e) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`);
}"""
CLIPPED_LABELS = """() => [...document.querySelectorAll('figure.chart svg.marks')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.width && (box.left < frame.left - 1 || box.right > frame.right + 1);
  }).map((text) => `${svg.closest('figure').id}: ${text.textContent}`);
})"""


def _executable() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next((path for name in names if (path := shutil.which(name))), None)


@dataclass(frozen=True)
class Shown:
    """An open report and what the browser said of it: messages, errors, requests."""

    page: Page
    messages: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = _executable()
    if executable is None:
        pytest.skip("no Chromium here: install it (apt-get install chromium) or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        started.close()


def _open(browser: Browser, run_folder: Path, width: int) -> Shown:
    page = browser.new_context(viewport={"width": width, "height": 800}, offline=True).new_page()
    page.set_default_timeout(120_000)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(f"error: {error}"))
    page.on("request", lambda request: messages.append(f"request: {request.url}"))
    page.goto((run_folder / "report.html").as_uri())
    page.wait_for_selector("html[data-charts=drawn]")
    return Shown(page, messages)


@pytest.fixture(scope="module")
def desktop(browser: Browser, run_folder: Path) -> Shown:
    return _open(browser, run_folder, 1280)


@pytest.fixture(scope="module")
def page(desktop: Shown) -> Page:
    return desktop.page


@pytest.fixture(scope="module")
def phone(browser: Browser, run_folder: Path) -> Shown:
    return _open(browser, run_folder, 390)


def _rows(page: Page, table: str) -> list[list[str]]:
    script = "(rows) => rows.map((row) => [...row.cells].map((c) => c.dataset.v ?? c.textContent.trim()))"
    return page.locator(f"#{table} tbody tr").evaluate_all(script)


def _box(page: Page, table: str) -> Locator:
    return page.locator(f".tablebox:has(#{table})")


def test_every_chart_is_drawn_without_a_word_on_the_console_or_the_network(desktop: Shown, run_folder: Path):
    page = desktop.page
    charts = page.locator("figure.chart")
    assert charts.count() > 50
    assert page.locator("figure.chart[data-drawn=yes] svg.marks").count() == charts.count()
    assert desktop.messages == [f"request: {(run_folder / 'report.html').as_uri()}"]


def test_every_chart_has_marks_and_a_name_for_screen_readers(page: Page):
    marks = "svg.marks .role-mark :is(path, line, rect)"
    empty = page.locator("figure.chart").evaluate_all(
        f"(figures) => figures.filter((f) => !f.querySelector('{marks}')).map((f) => f.id)"
    )
    assert empty == []
    named = page.locator("figure.chart [role=graphics-document][aria-label]").evaluate_all(
        "(all) => all.map((e) => e.getAttribute('aria-label'))"
    )
    assert len(named) == len(set(named)) == page.locator("figure.chart").count()


def test_the_verdicts_fit_on_the_first_screen(page: Page):
    bottom = page.locator("table.overview").evaluate("(e) => e.getBoundingClientRect().bottom + scrollY")
    assert bottom <= 800


def test_a_header_sorts_in_both_directions_and_says_so(page: Page):
    header = page.locator("#fits th[data-key=wall_s]")
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    _box(page, "fits").locator("button.more").click()
    column = [h for h in page.locator("#fits th").evaluate_all("(a) => a.map((h) => h.dataset.key)")].index(
        "wall_s"
    )
    shown = [row[column] for row in _rows(page, "fits")]
    values = [float(value) for value in shown if value]
    assert len(values) > 150
    assert values == sorted(values, reverse=True)
    assert all(value == "" for value in shown[len(values) :])
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    shown = [row[column] for row in _rows(page, "fits")]
    assert [float(value) for value in shown if value] == values[::-1]
    assert all(value == "" for value in shown[len(values) :])  # missing stays last
    assert page.locator("#fits th[aria-sort]").count() == 1


def test_filters_by_text_and_value_combine(page: Page):
    box = _box(page, "aggregates")
    total = page.locator("#aggregates").evaluate("(e) => e.tBodies[0].rows.length")
    box.get_by_role("searchbox").fill("wasserstein mu[1]")
    rows = _rows(page, "aggregates")
    assert 0 < len(rows) <= total
    assert all("wasserstein" in row[2] and row[3] == "mu[1]" for row in rows)
    box.get_by_role("combobox", name="Method in").select_option("laplace")
    rows = _rows(page, "aggregates")
    assert {row[1] for row in rows} == {"laplace"}
    assert "matching of" in box.get_by_role("status").inner_text()
    box.get_by_role("searchbox").fill("no such thing")
    assert _rows(page, "aggregates") == []
    box.get_by_role("searchbox").fill("")
    box.get_by_role("combobox", name="Method in").select_option("all")


def test_the_download_has_what_the_filter_leaves(page: Page):
    box = _box(page, "failures")
    box.get_by_role("combobox", name="Status in").select_option("failed")
    with page.expect_download() as download:
        box.get_by_role("button", name="Download as CSV").click()
    content = Path(download.value.path()).read_text()
    rows = list(csv.reader(io.StringIO(content)))
    assert rows[0] == ["scenario", "dataset", "method", "status", "reason"]
    assert rows[1:] == _rows(page, "failures")
    assert download.value.suggested_filename == "failures.csv"
    box.get_by_role("combobox", name="Status in").select_option("all")


def test_a_figure_can_be_saved_with_its_legend(page: Page):
    figure = page.locator("figure.chart[id^='figure-mean_error_sd']").first
    with page.expect_download() as download:
        figure.get_by_role("button", name="Download as SVG").click()
    content = Path(download.value.path()).read_text()
    assert content.startswith("<svg")
    assert "pathfinder" in content


def test_hovering_a_mark_shows_its_values(page: Page):
    point = page.locator("figure[id^='figure-sliced_wasserstein'] .mark-symbol path").nth(30)
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "method" in tooltip.inner_text()
    assert "value" in tooltip.inner_text()
    page.mouse.move(0, 0)


def hovered(page: Page, figure: str, mark: str) -> str:
    """Return what is shown on hovering the mark in the middle of a figure."""
    chart = page.locator(f"figure.chart[id^='figure-{figure}']").first
    chart.scroll_into_view_if_needed()
    # Axes have rules of their own.
    found = chart.locator(f".mark-{mark}.role-mark path, .mark-{mark}.role-mark line")
    found.nth(found.count() // 2).hover(force=True)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(timeout=20_000)
    text = tooltip.inner_text()
    page.mouse.move(0, 0)
    assert "undefined" not in text and "null" not in text and "NaN" not in text
    return text


# Figures of scores, such as smoothing_accuracy, begin with the same word, so the scenario is named too.
@pytest.mark.parametrize("figure", ["density-hmm-ordered", "smoothing-hmm-ordered"])
def test_hovering_lines_shows_the_values_of_all_methods_there(page: Page, figure: str):
    text = hovered(page, figure, "rule")
    assert all(word in text for word in ("reference", "nuts", "laplace")), text


def test_hovering_a_draw_says_whose_it_is(page: Page):
    assert "draw of" in hovered(page, "pair", "symbol")


def test_methods_can_be_ordered_on_the_first_screen_and_saved(page: Page):
    names = "(rows) => rows.map((row) => row.cells[0].textContent.trim())"
    rows = page.locator("table.overview tbody tr")
    before = rows.evaluate_all(names)
    order = page.get_by_role("combobox", name="Order of the methods")
    order.select_option("speed 1")
    speeds = rows.evaluate_all("(rows) => rows.map((row) => Number(row.cells[1].dataset.speed))")
    assert speeds == sorted(speeds, reverse=True) and len(set(speeds)) > 2
    order.select_option("rank 1")
    ranks = rows.evaluate_all("(rows) => rows.map((row) => Number(row.cells[1].dataset.rank))")
    assert ranks == sorted(ranks) and len(set(ranks)) > 1
    order.select_option("")
    assert rows.evaluate_all(names) == before
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV: Verdicts").click()
    header = Path(download.value.path()).read_text().splitlines()[0].split(",")
    assert {"scenario", "method", "verdict", "speedup"} <= set(header)


def test_the_command_of_a_cell_has_its_names(page: Page):
    command = page.locator("#cell-command code")
    page.get_by_role("combobox", name="Scenario of the command").select_option("hmm-ordered")
    page.get_by_role("combobox", name="Method of the command").select_option("laplace")
    assert "/draws/hmm-ordered/laplace.nc" in command.inner_text()
    assert "SCENARIO" not in command.inner_text()


def test_definitions_are_one_click_away(page: Page):
    page.locator("#aggregates th[data-key=floor] a.def").click()
    assert page.url.endswith("#def-floor")
    entry = page.locator("#def-floor")
    assert entry.evaluate(
        "(e) => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight }"
    )


def test_everything_works_by_keyboard(page: Page):
    page.goto(page.url.split("#")[0])
    page.wait_for_selector("html[data-charts=drawn]")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdicts"
    page.locator("#certificates th[data-key=r_hat_max] button").focus()
    page.keyboard.press("Enter")
    assert page.locator("#certificates th[data-key=r_hat_max]").get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert page.locator("#certificates th[data-key=r_hat_max]").get_attribute("aria-sort") == "ascending"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    named = page.locator("button, input, select, a[href]").evaluate_all(
        "(all) => all.filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())).length"
    )
    assert named == 0


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_no_text_overflows(page: Page, phone: Shown, width: int):
    shown = phone.page if width == 390 else page
    # Charts keep the width at which they were drawn until the page is drawn anew; all else follows at once.
    shown.set_viewport_size({"width": width, "height": 800})
    shown.wait_for_timeout(500)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.evaluate(OVERFLOWS) == []
    assert shown.evaluate(CLIPPED_LABELS) == []
    shown.set_viewport_size({"width": 390 if width == 390 else 1280, "height": 800})


def test_verdicts_need_no_scrolling_on_a_phone(phone: Shown):
    """A table that may scroll hides what is too wide for it, so that no text overflows the page."""
    scroll = phone.page.locator(".scroll:has(table.overview)")
    kept = scroll.evaluate_handle("(e) => e.innerHTML")
    scroll.evaluate("""(e) => {
      e.querySelectorAll("details").forEach((details) => { details.open = true });
      e.querySelectorAll("summary small").forEach((gist) => {
        gist.textContent = "8.3× as fast · pays from 1,340 · through 3 of 20 data sets";
      });
    }""")
    assert scroll.locator("summary small").count() > 5
    assert scroll.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0
    scroll.evaluate("(e, kept) => { e.innerHTML = kept }", kept)


def test_tables_can_be_sorted_and_read_on_a_phone(phone: Shown):
    page = phone.page
    page.locator("#worst th[data-key=value] button").click()
    values = [float(row[5]) for row in _rows(page, "worst")]
    assert values == sorted(values, reverse=True)
    first = page.locator("#worst tbody tr").first
    assert first.get_attribute("role") == "row"
    labels = first.locator("td").evaluate_all(
        "(all) => all.map((c) => getComputedStyle(c, '::before').content)"
    )
    assert any("Mean floor" in label for label in labels)
    assert phone.messages[1:] == []


def test_it_prints(page: Page):
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    page.emulate_media(media="print")
    assert not page.locator("nav.sections").is_visible()
    assert not page.locator(".tools button").first.is_visible()
    first = page.locator("figure.chart").first
    assert first.locator("svg.marks").is_visible()
    # Printed too early, a chart says that it is missing.
    says = "(plot) => getComputedStyle(plot, '::after').content"
    plot = first.locator(".plot")
    assert plot.evaluate(says) == "none"
    kept = plot.evaluate_handle("(plot) => [...plot.childNodes]")
    plot.evaluate("(plot) => plot.replaceChildren()")
    assert "Not drawn yet" in plot.evaluate(says)
    plot.evaluate("(plot, kept) => plot.append(...kept)", kept)
    page.emulate_media(media="screen")


def test_pictures_at_three_widths_can_be_kept(page: Page, phone: Shown, tmp_path: Path):
    folder = Path(os.environ.get("REPORT_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    for width, shown in ((768, page), (1280, page), (390, phone.page)):
        shown.set_viewport_size({"width": width, "height": 800})
        shown.evaluate("scrollTo(0, 0)")
        shown.screenshot(path=folder / f"report-{width}.png")
        assert (folder / f"report-{width}.png").stat().st_size > 10_000
