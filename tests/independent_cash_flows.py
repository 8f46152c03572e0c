"""Cash flows of two clients, worked out again from the scenario and the fact tables.

Nothing of the kit is imported: YAML and CSV are read as they are, prices of API calls come from
genai-prices and exchange rates from the ECB's file, by their own packages. What a load model must
say (servers, their use, energy of fine-tuning, moves of models) is taken as numbers from
`summary.json`.
"""

import csv
import datetime as dt
import fnmatch
import itertools
import math
import statistics
from functools import cache
from pathlib import Path
from typing import Any

import genai_prices
import holidays
import yaml
from currency_converter import CurrencyConverter

ROOT = Path(__file__).parents[1]
FACTS = ROOT / "lib" / "siting_facts"
HOURS = 730
EFFORTS_OFF = ("", "none")


TRAITS = {
    "colocation": {"colocation", "machines", "owned"},
    "on_premises": {"on_premises", "machines", "owned"},
    "rented_gpus": {"rented_gpus", "machines", "rented"},
    "sovereign_cloud": {"sovereign_cloud", "machines", "rented"},
    "api": {"api", "by_request"},
    "managed_cloud": {"managed_cloud", "by_request"},
    "open_api": {"open_api", "by_request"},
}
"""What a table says of a kind of option: its name, or one of its traits."""


@cache
def european_rates() -> CurrencyConverter:
    return CurrencyConverter(fallback_on_missing_rate=False)


def is_for(kind: str, options: str) -> bool:
    return bool(TRAITS.get(kind, {kind}) & {*options.split()})


@cache
def rows(table: str) -> list[dict[str, str]]:
    with (FACTS / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def one(table: str, **cells: str) -> dict[str, str]:
    return next(r for r in rows(table) if all(r[k] == v for k, v in cells.items()))


def parameter(name: str, kind: str = "", country: str = "") -> dict[str, str]:
    found = [
        r for r in rows("cost_parameters")
        if r["id"] == name and (not r["options"] or is_for(kind, r["options"]))
        and (not r["countries"] or country in r["countries"].split())
    ]  # fmt: skip
    return max(found, key=lambda r: (bool(r["countries"]), bool(r["options"])))


def scenario(client: str) -> dict[str, Any]:
    """base.yaml with the client's differences; workloads and options are the client's own list."""
    base = yaml.safe_load((ROOT / "params" / "base.yaml").read_text("utf-8"))
    own = yaml.safe_load((ROOT / "params" / f"{client}.yaml").read_text("utf-8"))

    def merge(a: Any, b: Any) -> Any:
        if not isinstance(a, dict) or not isinstance(b, dict):
            return b
        return {**a, **{k: merge(a.get(k), v) for k, v in b.items()}}

    whole = merge(base, own)
    for part in ("workloads", "options"):
        if part in own:
            whole[part] = {k: merge(base[part].get(k), v) for k, v in own[part].items()}
    return whole


def number(text: Any) -> float:
    value = text["central"] if isinstance(text, dict) else text
    return float(str(value).replace("_", ""))


class Client:
    def __init__(self, name: str, summary: dict[str, Any]) -> None:
        self.s = scenario(name)
        self.summary = summary
        self.day = self.s["client"]["report_date"]
        self.months = int(self.s["finance"]["horizon_months"])
        self.inflation = float(parameter("inflation")["central"])
        self.country = self.s["client"]["country"]
        self.currency = self.s["client"]["currency"]

    def fx(self, currency: str) -> float:
        """Rate of the last day with one, up to the report."""
        if currency == self.currency:
            return 1.0
        ecb = european_rates()
        last = min(self.day, *(ecb.bounds[c].last_date for c in (currency, self.currency)))
        for back in range(14):
            try:
                return float(ecb.convert(1, currency, self.currency, last - dt.timedelta(back)))
            except ValueError:
                continue
        raise ValueError(currency)

    def dearer(self, month: int) -> float:
        return (1 + self.inflation) ** ((month - 1) / 12)

    def staff_cost(self) -> float:
        own = self.s["finance"].get("staff_cost_per_year")
        if own is not None:
            return number(own)
        p = parameter("staff_cost", country=self.country)
        return float(p["central"]) * self.fx(p["currency"])

    def requests(self, w: dict[str, Any], month: int) -> float:
        """Requests of a month: a usual week over its 168 hours, times 730, grown by year."""
        daily = number(w.get("users", 0)) * number(w.get("requests_per_user_day", 0))
        daily += number(w.get("requests_per_day", 0))
        weekly = daily * sum(map(number, w["weekdays"])) * self.working(w)
        growth = 1 + number(w["growth_per_year"])
        return weekly / 168 * HOURS * growth ** ((month - 1) // 12)

    def working(self, w: dict[str, Any]) -> float:
        """Share of a usual week's load that holidays leave: each is a Sunday, over five years.

        Where Sundays are busy they add on the whole, and then nothing is taken off."""
        week = list(map(number, w["weekdays"]))
        first = dt.date(self.day.year, 1, 1)
        closed = holidays.country_holidays(self.country, years=range(first.year, first.year + 5))
        lost = max(0.0, sum(week[d.weekday()] - week[6] for d in closed))
        return 1 - lost / (sum(week) / 7 * 365.25 * 5)

    def hidden(self, option: dict[str, Any], w: dict[str, Any]) -> float:
        effort = option.get("effort") or ""
        if effort in EFFORTS_OFF:
            return 0.0
        task = one("reasoning_task", task=w.get("task", "chat"))
        tokens = float(one("reasoning_effort", effort=effort)["tokens"])
        return tokens * float(task["factor"])

    def request_price(self, option: dict[str, Any], w: dict[str, Any]) -> float:
        """Mean price of a request over 24 sizes of a log-normal input, in the client's currency."""
        model = option["models"]["all"]
        mean = number(w["input_tokens"]["mean"])
        p95 = number(w["input_tokens"]["p95"])
        z95 = statistics.NormalDist().inv_cdf(0.95)
        sigma = z95 - math.sqrt(max(0.0, z95 * z95 - 2 * math.log(p95 / mean)))
        quantiles = [statistics.NormalDist().inv_cdf((i + 0.5) / 24) for i in range(24)]
        raw = [math.exp(sigma * z) for z in quantiles]
        sizes = [mean * r / (sum(raw) / 24) for r in raw]
        out = number(w["output_tokens"]["mean"]) + self.hidden(option, w)
        cached = number(w.get("cached_input_share", 0))
        noon = dt.datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=dt.UTC)

        def price(size: float, context: dict[str, str] | None) -> float:
            usage = genai_prices.Usage(
                input_tokens=round(size), output_tokens=round(out),
                cache_read_tokens=round(size * cached),
            )  # fmt: skip
            from genai_prices.data import providers
            from genai_prices.data_snapshot import DataSnapshot

            shot = DataSnapshot(providers=providers, from_auto_update=False)
            found = shot.calc(usage, model, option["provider"], None, noon, context)
            return float(found.total_price)

        full = sum(price(x, None) for x in sizes) / 24
        batch = sum(price(x, {"processing": "batch"}) for x in sizes) / 24
        wait = number(w.get("batchable_share", 0))
        usd = (1 - wait) * full + wait * batch
        for r in rows("regional_surcharges"):
            here = r["provider"] == option["provider"] and option.get("region") in r[
                "region"
            ].split(";")
            if here and any(fnmatch.fnmatch(model, m) for m in r["models"].split(";")):
                usd *= float(r["factor"])
                break
        return usd * self.fx("USD") * float(parameter("retries")["central"])

    def api(self, name: str) -> list[float]:
        """What an API option that runs today costs by month, 0 = today."""
        option = self.s["options"][name]
        prices = {n: self.request_price(option, w) for n, w in self.s["workloads"].items()}
        fte = float(parameter("fte_platform", option["kind"])["central"])
        moves = self.summary["options"][name]["cost"]["model_moves_by_year"]
        tests = self.item("model_moves", kind=option["kind"]) * len(self.s["workloads"])
        tests /= len(set(option["models"].values()))
        paid = [0.0]
        for month in range(1, self.months + 1):
            fte_moves = tests * moves[(month - 1) // 12]["central"]
            bill = sum(self.requests(w, month) * prices[n] for n, w in self.s["workloads"].items())
            paid.append(bill + (fte + fte_moves) / 12 * self.staff_cost() * self.dearer(month))
        leaving = next(r for r in rows("cost_items") if r["id"] == "exit_project")
        paid[-1] += float(leaving["central"]) * self.staff_cost() * self.dearer(self.months)
        return paid

    def item(self, name: str, when: str = "", kind: str = "colocation") -> float:
        """Central value of a cost item, as the country has it."""
        found = [
            r for r in rows("cost_items")
            if r["id"] == name and (not when or r["when"] == when)
            and (not r["countries"] or self.country in r["countries"].split())
            and (is_for(kind, r["options"]) or not r["options"])
        ]  # fmt: skip
        best = max(found, key=lambda r: bool(r["countries"]))
        return float(best["central"]) * (self.fx(best["currency"]) if best["currency"] else 1)

    def server_price(self, option: dict[str, Any], count: int) -> float:
        found = [
            r for r in rows("hardware_prices")
            if r["gpu_id"] == option["gpu"] and r["used_in_estimate"] == "yes"
            and r["form"] == "server" and (r["date"] == "undated" or r["date"] <= str(self.day))
        ]  # fmt: skip
        usd = {"USD": 1.0}
        for r in found:
            c = r["currency"]
            usd.setdefault(c, self.fx(c) / self.fx("USD"))
        each = [float(r["price"]) / int(r["gpu_count"]) * count * usd[r["currency"]] for r in found]
        return statistics.median(each) * self.fx("USD")

    def owned(self, name: str, today: str) -> list[float]:
        """What own servers in colocation cost by month; until they run, what runs today."""
        option = self.s["options"][name]
        kit = self.summary["options"][name]
        machine = one("servers", id=option["server"])
        servers = kit["cost"]["servers_by_year"]
        gpus = int(machine["gpu_count"])
        price = self.server_price(option, int(machine["gpu_count"]))
        wait = number(option["months_to_production"])
        together = float(parameter("parallel_months")["central"])
        paid = [0.0] * (self.months + 1)
        bought = [servers[0], *(b - a for a, b in itertools.pairwise(servers))]
        for year, new in enumerate(bought):
            share = 1 + self.item("installation", "once") + self.item("network_hardware", "once")
            paid[12 * year] += new * price * share
        staff = self.staff_cost()
        product = self.s["client"]["sector"] == "software"  # whose chat is used by its customers
        users = sum(
            number(w.get("users", 0))
            for w in self.s["workloads"].values()
            if not (product and w.get("task", "chat") == "chat")
        )
        loads = len(self.s["workloads"])
        move = 0.25 * loads + self.item("migration_evaluation") * loads
        paid[0] += (move + self.item("migration_training") * users) * staff
        instead = self.api(today)
        scale = float(parameter("staff_scale")["central"])
        for month in range(1, self.months + 1):
            count = servers[(month - 1) // 12]
            live = min(1.0, max(0.0, month - wait))
            before = min(1.0, max(0.0, wait + together - (month - 1)))
            units = count * gpus / 8
            each = float(parameter("fte_per_8_gpus", option["kind"])["central"])
            fte = float(parameter("fte_platform", option["kind"])["central"])
            fte += each * (units**scale if units > 1 else units)
            cost = count * float(machine["provisioned_kw"]) * self.item("colocation")
            cost += fte / 12 * staff + self.item("connectivity")
            cost += count * price * (self.item("maintenance") + self.item("insurance")) / 12
            cost += count * gpus * self.item("licences") / 12
            cost += self.energy(name, machine, count, (month - 1) // 12)
            paid[month] += live * cost * self.dearer(month)
            paid[month] += before * instead[month]
            # a month of waiting counts as much as one of the option: the rest is forgone
            paid[month] += (1 - live) * max(0.0, cost * self.dearer(month) - instead[month])
        end = servers[-1] * price
        life = self.months / 12
        worth = [1.0] + [float(parameter(f"residual_after_{a}")["central"]) for a in range(1, 6)]
        for year, new in enumerate(bought):
            age = min(5, life - year)
            low = int(age)
            share = worth[low] + (age - low) * (([*worth, 0.0])[low + 1] - worth[low])
            paid[-1] -= new * price * share
        paid[-1] += end * self.item("decommissioning")
        leaving = next(r for r in rows("cost_items") if r["id"] == "exit_project")
        paid[-1] += float(leaving["central"]) * staff * self.dearer(self.months)
        return paid

    def use(self, name: str, year: int) -> float:
        """Share of the machines' capacity in use in a year: given is the mean of all years, and it
        goes with the load over the servers."""
        cost = self.summary["options"][name]["cost"]
        servers = cost["servers_by_year"]
        loads = [
            sum(self.requests(w, 12 * y + 1) for w in self.s["workloads"].values())
            for y in range(len(servers))
        ]
        each = [load / count for load, count in zip(loads, servers, strict=True)]
        return self.mean_use * each[year] / statistics.mean(each)

    def energy(self, name: str, machine: dict[str, str], count: float, year: int) -> float:
        """Electricity by month: power, idle share, use and cooling; fine-tuning beside it."""
        use = self.use(name, year)
        idle = float(parameter("idle_share")["central"])
        kw = float(machine["power_kw"]) * (idle + (1 - idle) * use)
        pue = float(one("pue", place="colocation")["central"])
        tariff = float(one("electricity", country=self.s["options"][name]["country"])["price_kwh"])
        runs = 0.0
        for job, plans in self.summary["training"].items():
            yearly = number(self.s["fine_tuning"][job]["runs_per_year"])
            for plan in plans:
                if plan["option"] == name and "energy" in plan:
                    runs += plan["energy"]["central"] * yearly / 12
        return (count * kw * HOURS * pue + runs) * tariff


def present(paid: list[float], rate: float) -> float:
    return sum(x / (1 + rate) ** (t / 12) for t, x in enumerate(paid))


def totals(
    client: str, summary: dict[str, Any], machines: dict[str, str], used: float
) -> dict[str, tuple[float, float]]:
    """Plain and present sum of what runs today and of own servers.

    machines: `gpu` and `server` of own servers, where the scenario leaves them to the kit.
    used: share of their capacity that is in use, the mean of all years.
    """
    c = Client(client, summary)
    c.mean_use = used
    c.s["options"]["owned"] |= machines
    today = c.s["finance"]["baseline"]
    rate = number(c.s["finance"]["discount_rate"])
    found = {}
    for name, option in c.s["options"].items():
        if name == today:
            paid = c.api(name)
        elif option["kind"] == "colocation":
            paid = c.owned(name, today)
        else:
            continue
        found[name] = sum(paid), present(paid, rate)
    return found
