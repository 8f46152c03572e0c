"""The page in a real browser: silent, without faults, usable by keyboard, small, dark, printed.

Needs Chromium with its driver; a machine without them skips these tests.
"""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import screen
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with its driver here")

QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--allow-file-access-from-files", "--hide-scrollbars",
)  # fmt: skip


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in QUIET:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def address(rendered: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_bytes(rendered["report.html"])
    return path.as_uri()


def show(
    driver: webdriver.Chrome, address: str, width: int = 1280, dark: bool = False, media: str = ""
) -> None:
    """Opens the page at a width in CSS pixels, in light or dark, on screen or as printed."""
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": scheme})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(address)


def colour(driver: webdriver.Chrome, script: str) -> str:
    """A computed colour as #rrggbb."""
    found = driver.execute_script(f"return {script}")
    channels = [int(float(c)) for c in found[found.index("(") + 1 : -1].split(",")[:3]]
    return "#" + "".join(f"{c:02x}" for c in channels)


def test_the_page_requests_nothing_and_reports_no_error(driver, address):
    driver.get_log("performance")
    show(driver, address)
    driver.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requested = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in requested if not url.startswith("data:")] == [address]
    assert driver.get_log("browser") == []


WIDTHS = (360, 768, 1300)
"""A phone, a tablet, a desk. [CSS pixels]"""


@pytest.mark.parametrize(("width", "dark"), list(zip(WIDTHS, (True, False, True), strict=True)))
def test_axe_finds_no_fault(driver, address, width, dark):
    show(driver, address, width, dark)
    assert faults(driver) == []


def faults(driver: webdriver.Chrome) -> list[str]:
    """What axe finds against WCAG on the page that is shown."""
    import axe_core_python

    script = Path(axe_core_python.__file__).parent / "axe.min.js"
    driver.execute_script(script.read_text(encoding="utf-8"))
    outcome = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert outcome["passes"], "axe did not run"
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:120]} {v['nodes'][0].get('failureSummary', '')}"
        for v in outcome["violations"]
    ]


def test_no_width_asks_to_scroll_sideways_and_charts_stay_legible(driver, address):
    for width in WIDTHS:
        show(driver, address, width)
        seen = screen.seen(driver)
        assert seen.width <= width
        assert seen.beyond == []
        assert seen.covered == []
        assert min(seen.chart_text) >= 12.9
        assert min(seen.prose) >= 13


def test_the_contents_hold_each_chapter_s_question_and_answer(driver, address):
    for width in WIDTHS:
        show(driver, address, width)
        if width < 1000:
            driver.find_element(By.CSS_SELECTOR, "nav summary").click()
        entry = driver.find_element(By.CSS_SELECTOR, "nav a[href='#c-40_cost']")
        question, _, answer = entry.text.partition("\n")
        assert question == "2 What does it cost?"
        assert "GPT-5.4 mini" in answer
        assert entry.is_displayed()


def test_the_keyboard_reaches_everything_and_shows_where_it_is(driver, address):
    show(driver, address)
    # Counted first: the contents then show the chapter in which the round begins.
    stops = 'a[href], summary, button, [tabindex="0"], select'
    expected = driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(e => e.checkVisibility()).length",
        stops,
    )
    reached = []
    body = driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    for _ in range(60):
        focused = driver.switch_to.active_element
        if focused == body:
            break
        outline = focused.value_of_css_property("outline-style")
        assert outline != "none", focused.get_attribute("outerHTML")[:80]
        reached.append(focused.get_attribute("href") or focused.get_attribute("class"))
        focused.send_keys(Keys.TAB)
    assert reached[0].endswith("#main")
    assert len(reached) == expected


def test_on_paper_the_page_is_light_and_has_no_navigation(driver, address):
    show(driver, address, dark=True, media="print")
    assert colour(driver, "getComputedStyle(document.querySelector('main')).color") == "#1d252c"
    nav = driver.find_element(By.TAG_NAME, "nav")
    assert not nav.is_displayed()
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    import pypdfium2

    pages = pypdfium2.PdfDocument(base64.b64decode(printed["data"]))
    text = " ".join(page.get_textpage().get_text_range() for page in pages)
    for words in ("What should you do?", "What does it cost?", "For paper, open the report’s PDF"):
        assert words in text


def test_a_downloaded_table_holds_no_formula(driver, address):
    show(driver, address)
    # The page's own button, on a table in which labels begin as formulas do.
    driver.execute_script(
        "window.saved = []; URL.createObjectURL = blob => { saved.push(blob); return '#' };"
        "const cells = document.querySelector('figure.exhibit table').querySelectorAll('td, th');"
        "['=HYPERLINK(\"x\")', '+1-2+cmd', '@SUM(1)', '-5', '+12.5%'].forEach((text, i) => {"
        " delete cells[i].dataset.v; cells[i].textContent = text });"
        "const buttons = [...document.querySelectorAll('figure.exhibit button')];"
        "buttons.find(b => b.textContent === 'CSV').click()"
    )
    text = driver.execute_async_script("saved[0].text().then(arguments[arguments.length - 1])")
    cells = re.findall(r'"((?:[^"]|"")*)"', text)
    assert cells[:5] == ['\'=HYPERLINK(""x"")', "'+1-2+cmd", "'@SUM(1)", "-5", "+12.5%"]
