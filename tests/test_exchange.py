"""Tables of strangers: read, or refused by line; measured loads."""

import datetime as dt
import zoneinfo
from pathlib import Path

import pytest
import time_machine
from commands import siting
from siting.inputs import scenario, sheet
from siting.inputs.document import DocumentError
from siting.inputs.sheet import DAY, NUMBER, TEXT
from siting_logs import load as log_load
from traced import within

QUOTES = """Item,value,low,high,unit,source,date,valid_until
option.rented.gpu_hour,2.1,,,EUR/GPU-h,Offer 123,2026-10-01,2027-01-01
staff_cost,90000,80000,110000,EUR/year,HR,2026-10-02,
"""


def offers(path: Path) -> sheet.Table:
    """A table with columns of each kind."""
    needed = {"item": TEXT, "value": NUMBER, "unit": TEXT, "source": TEXT, "date": DAY}
    table = sheet.read(path, needed, {"valid_until": DAY, "low": NUMBER, "high": NUMBER})
    table.refuse_twins(["item"])
    return table


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str, name: str = "table.csv") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_a_table_is_read_by_column(file):
    rows = offers(file(QUOTES)).rows
    assert rows["value"].tolist() == [2.1, 90_000]
    assert rows["valid_until"].iloc[0] == dt.date(2027, 1, 1)
    assert rows["low"].iloc[1] == 80_000


@pytest.mark.parametrize(
    "old,new,line,hint",
    [
        ("2.1,", ",", 2, "value: '' is no number"),
        ("2026-10-02", "2.10.2026", 3, "YYYY-MM-DD"),
        ("Item,", "Itm,", 1, "did you mean Itm"),
        ("option.rented.gpu_hour,2.1,,,EUR/GPU-h", "staff_cost,1,,,EUR/year", 3, "same as a row"),
    ],
)
def test_a_wrong_cell_is_refused_by_line(old, new, line, hint, file):
    with pytest.raises(DocumentError) as caught:
        offers(file(QUOTES.replace(old, new)))
    (problem,) = caught.value.problems
    assert problem.line == line
    assert hint in str(problem)


def test_a_file_that_is_no_table_is_refused(file):
    (file("").parent / "table.xlsx").write_bytes(b"PK\x03\x04\xff")
    for path in (file("").parent / "table.xlsx", Path("missing.csv")):
        with pytest.raises(DocumentError):
            offers(path)


def log(requests, weeks: int = 4, **tokens: float) -> str:
    """A log by hour that begins on a Monday; `requests` gives the count by weekday and hour."""
    start = dt.datetime(2026, 9, 7)
    lines = [",".join(["time", "requests", *tokens])]
    for h in range(weeks * 168):
        when = start + dt.timedelta(hours=h)
        cells = [when.isoformat(), requests(when.weekday(), when.hour), *tokens.values()]
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines)


def test_a_measured_load_gives_the_profile_that_was_put_in(file):
    # 100 requests an hour from 8 to 17 on working days, 10 at other times.
    busy = log(
        lambda day, hour: 100 if day < 5 and 8 <= hour < 18 else 10,
        input_tokens=1000, output_tokens=300, cached_tokens=250,
    )  # fmt: skip
    read = log_load.load(file(busy))
    load = read.fields
    assert read.day == dt.date(2026, 10, 4)  # four weeks from Monday 2026-09-07
    assert load["requests_per_day"] == 10 * 100 + 14 * 10
    assert load["hours"] == [10.0] * 8 + [100.0] * 10 + [10.0] * 6
    assert load["weekdays"] == [1, 1, 1, 1, 1, round(240 / 1140, 3), round(240 / 1140, 3)]
    assert load["peak_factor"] == 1
    assert load["input_tokens"] == {"mean": 1000, "p95": 1000}
    assert load["cached_input_share"] == 0.25


def test_a_busy_hour_raises_the_peak_factor(file):
    text = log(lambda day, hour: 100)
    text = text.replace("2026-09-16T10:00:00,100", "2026-09-16T10:00:00,500")
    # The usual hour of that weekday is (3 × 100 + 500) / 4 = 200; 500 over 200 is 2.5.
    assert log_load.load(file(text)).fields["peak_factor"] == 2.5


def test_one_row_a_request_is_counted_and_weighted(file):
    start = dt.datetime(2026, 9, 7)
    rows = [f"{(start + dt.timedelta(hours=h)).isoformat()},{100 + h % 2}" for h in range(336)]
    load = log_load.load(file("time,input_tokens\n" + "\n".join(rows))).fields
    assert load["requests_per_day"] == 24
    assert load["input_tokens"] == {"mean": 100.5, "p95": 101}


TOKENS = {"input_tokens": 1000, "output_tokens": 300, "cached_tokens": 250}


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("time,", "time,Time,", 1, "two columns have this name"),
        ("2026-09-07T00:00:00,5,", "2026-09-07T00:00:00,5,6,", 2, "more cells than headings"),
        ("2026-09-07T00:00:00,5", "0026-09-07T00:00:00,5", 2, "none of 2000 to 2099"),
        ("2026-09-07T00:00:00,5", "2006-09-07T00:00:00,5", 0, "more than ten years"),
        ("2026-09-07T02:00:00,5", "2026-09-07T02:00:00,1e999", 4, "no count"),
        ("input_tokens", "prompt_tokens", 0, "prompt_tokens: is no column of a log"),
        ("T02:00:00,5", "T02:00:00,", 4, "requests: is blank; write 0"),
        ("T02:00:00,5,1000", "T02:00:00,5,null", 4, "'null' is no count"),
        ("T02:00:00,5,1000,300,250", "T02:00:00,5,1000,300,1500", 4, "is above input_tokens"),
        ("2026-09-07T02", "2026-09-07T01", 4, "is the same as a row above it"),
        ("2026-09-07T02:00:00,", "2026-09-07T02:00:00+02:00,", 4, "is no time like the first"),
    ],
)
def test_what_would_be_counted_as_what_it_is_not_is_refused(old, new, line, said, file):
    text = log(lambda day, hour: 5, **TOKENS)
    assert old in text
    with pytest.raises(DocumentError) as caught:
        log_load.load(file(text.replace(old, new, 1)))
    (problem,) = caught.value.problems
    assert (problem.line, said in str(problem)) == (line, True), str(problem)


def test_a_log_as_a_whole_that_tells_no_usual_week_is_refused(file):
    text = log(lambda day, hour: 5)
    with pytest.raises(DocumentError, match="10:00 has 1,000 times a usual busy hour"):
        log_load.load(file(f"{text}\n2026-10-05T10:00:00,5000"))
    with pytest.raises(DocumentError, match="counts no request"):
        log_load.load(file(log(lambda day, hour: 0)))
    days = "\n".join(row for row in text.splitlines() if "T" not in row or "T00:" in row)
    with pytest.raises(DocumentError, match="all rows at 00:00; export a row an hour"):
        log_load.load(file(days))
    gone = "\n".join(row for row in text.splitlines() if not "2026-09-14" <= row < "2026-09-21")
    with pytest.raises(DocumentError, match="170: time: begins after days without a row"):
        log_load.load(file(gone))


def test_unknown_tokens_stay_unknown(file):
    text = log(lambda day, hour: 5, **TOKENS)
    half = "\n".join(r.replace(",1000,300,", ",,,") if "T1" in r else r for r in text.splitlines())
    fields = log_load.load(file(half)).fields
    assert fields["input_tokens"] == {"mean": 1000, "p95": 1000}
    assert fields["cached_input_share"] == 0.25
    with pytest.raises(DocumentError, match="input_tokens: is blank everywhere"):
        log_load.load(file(text.replace(",1000,", ",,")))


def test_a_profile_has_the_hours_of_the_zone_that_is_named(file):
    # Busy from 8 to 17 in Rome, over the end of summer time on 25 October 2026.
    rome = zoneinfo.ZoneInfo("Europe/Rome")
    rows = ["time,requests,model"]
    for hour in range(28 * 24):
        when = dt.datetime(2026, 10, 11, 22, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        local = when.astimezone(rome)
        busy = 100 if local.weekday() < 5 and 8 <= local.hour < 18 else 10
        rows.append(f"{when.isoformat()},{busy},x")
    path = str(file("\n".join(rows)))
    read = log_load.load(Path(path), "Europe/Rome")
    assert read.fields["hours"] == [10.0] * 8 + [100.0] * 10 + [10.0] * 6
    assert read.fields["peak_factor"] == 1
    assert read.extent == (
        "672 rows, each a count, 2026-10-12 to 2026-11-08, hours of Europe/Rome; not read: model"
    )
    done = siting("import", "load", path, "--zone", "Europe/Rom")
    assert (done.exit_code, "write such as Europe/Rome or UTC" in done.stderr) == (2, True)


@pytest.mark.parametrize("today", ["2026-10-05", "2027-10-05"])
def test_what_is_imported_loads_in_a_scenario_on_any_day(today, file, tmp_path):
    path = file(log(lambda day, hour: 7 + hour, input_tokens=900, output_tokens=90))
    with time_machine.travel(today):
        made = siting("import", "load", str(path))
    assert made.exit_code == 0, made.output
    client = tmp_path / "acme.yaml"
    client.write_text("client: {name: Acme}\n" + made.stdout, encoding="utf-8")
    loaded = scenario.load(client)
    assert loaded.workloads["assistant"].users == 0
    assert loaded.workloads["assistant"].input_tokens.mean == 900
    origin = loaded.origin("workloads.assistant.requests_per_day")
    assert (origin.kind, str(origin.date)) == ("measured", "2026-10-04")


# --- What strangers export -----------------------------------------------------------------------


def test_points_of_thousands_are_not_taken_for_decimals(file):
    thousands = QUOTES.replace(",", ";").replace("90000", "90.000")
    with pytest.raises(DocumentError, match="3: value: a point may part thousands or decimals"):
        offers(file(thousands))
    assert offers(file(QUOTES.replace("2.1,", "2.125,"))).rows["value"].iloc[0] == 2.125


def test_rows_beyond_a_bound_are_refused_and_not_dropped(file, monkeypatch):
    monkeypatch.setattr("siting.inputs.sheet.MAX_CELLS", 8)
    with pytest.raises(DocumentError, match=r"table\.csv:3: has more than 8 cells"):
        offers(file(QUOTES))


def test_escape_codes_in_a_cell_are_refused(file):
    with pytest.raises(DocumentError) as caught:
        offers(file(QUOTES.replace("Offer", "Off\x1b[31mer", 1)))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (2, "source")
    assert "\x1b" not in str(problem)


@pytest.mark.parametrize(
    "text,said",
    [
        (",".join(["item"] * 1_001) + "\n1\n", "has 1,001 headings, more than 1,000"),
        ("a" * 50 + "," * 2_000_000, "is longer than 1,048,576 characters"),
        (QUOTES + "," * 2_000_000, "table.csv:4: is longer than 1,048,576 characters"),
    ],
)
def test_headings_and_lines_without_end_are_refused_before_cells_are_made(text, said, file):
    path = file(text)
    with within(32), pytest.raises(DocumentError, match=said):  # of two million cells 100 MiB
        offers(path)


def test_a_log_of_a_lifetime_is_refused_before_its_hours_are_laid_out(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("time,requests\n2006-09-01T00:00:00,5\n2096-09-01T00:00:00,5\n", "utf-8")
    with within(64), pytest.raises(DocumentError, match="more than ten years"):
        log_load.load(log)  # 61 million hours are 490 MiB
