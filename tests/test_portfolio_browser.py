"""The index of all reports in a real browser: sorts by keyboard, and axe finds no fault."""

import pytest
import screen
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from siting.run import portfolio
from siting_report.run.folder import ReportFolder
from test_browser import WIDTHS, driver, faults, pytestmark, show
from test_portfolio import SUMMARY, write

__all__ = ["driver", "pytestmark"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name, cost in (("Alpha", 9e6), ("Beta", 2e5), ("Gamma", 3e6)):
        recommendation = {**SUMMARY["recommendation"], "in_all": cost}
        client = {**SUMMARY["client"], "name": name}
        summary = {**SUMMARY, "client": client, "recommendation": recommendation}
        write(folder, name.lower(), summary)
    (folder / "index.html").write_text(
        portfolio.index(ReportFolder(folder).summaries()), encoding="utf-8"
    )
    return (folder / "index.html").as_uri()


def clients(driver):
    return [e.text.split("\n")[0] for e in driver.find_elements(By.CSS_SELECTOR, "tbody th")]


def test_a_heading_sorts_by_keyboard_by_value_and_back(driver, address):
    show(driver, address)
    assert clients(driver) == ["Alpha", "Beta", "Gamma"]
    heading = driver.find_elements(By.CSS_SELECTOR, "thead button")[3]
    heading.send_keys(Keys.ENTER)
    assert clients(driver) == ["Beta", "Gamma", "Alpha"]
    assert heading.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"
    heading.send_keys(Keys.SPACE)
    assert clients(driver) == ["Alpha", "Gamma", "Beta"]
    assert driver.get_log("browser") == []


@pytest.mark.parametrize(("width", "dark"), list(zip(WIDTHS, (True, False, True), strict=True)))
def test_axe_finds_no_fault_in_the_index(driver, address, width, dark):
    show(driver, address, width, dark)
    assert faults(driver) == []
    seen = screen.seen(driver)
    assert seen.width <= width
    assert min(seen.prose) >= 13
    if width < 768:
        cell = driver.find_element(By.CSS_SELECTOR, "td[data-h=Files]")
        assert cell.is_displayed() and cell.rect["x"] + cell.rect["width"] <= width
