"""The load: requests a second by hour of the week, their lengths, and what a year of them asks for.

A workload's users, hours, peaks and calendar make a `Load`. Requests that may wait are kept apart
from those that are answered at once: they have a deadline, and are done in hours with room.
"""

from __future__ import annotations

import datetime as dt
import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import holidays
import numpy as np
from holidays.registry import COUNTRIES

from siting.inputs.scenario.model import LEAP_YEAR, Deadline, Season, Workload, day_of
from siting.memory import vram
from siting.quantity import DAYS_OF_YEAR, LogNormal, Range
from siting.records import frozen
from siting.serving.bunching import Bunching, scores
from siting.serving.curve import Lengths
from siting.serving.performance import Array
from siting.serving.queueing import Limits

HOURS_OF_WEEK = 168
MONTHS_OF_YEAR = 12
WEEKS_OF_YEAR = 52
"""The load duration curve is drawn for 52 weeks of 168 hours."""
CALENDAR_YEARS = 5
"""Holidays are counted over so many years from the report's on."""
SUNDAY = 6
CALENDARS = frozenset(code for names in COUNTRIES.values() for code in names)
"""Countries whose holidays are known."""
ANY_DAY = Deadline()
LATE_FROM = 0.001
"""Share of the work that may wait from which it counts as late, for a reader and in a replay. Pools
are sized for every deadline; the schedule that is shown counts by whole hours, and may leave so
little over at the turn of one."""

PROFILES: Mapping[str, tuple[float, ...]] = {
    "office": (0, 0, 0, 0, 0, 0, 1, 4, 8, 10, 10, 8, 6, 8, 10, 10, 8, 5, 3, 2, 1, 1, 0, 0),
    "day": (1, 1, 1, 1, 1, 1, 3, 5, 7, 8, 8, 8, 7, 8, 8, 8, 7, 7, 6, 5, 5, 4, 3, 2),
    "flat": (1,) * 24,
    "night": (8, 8, 8, 8, 8, 6, 2) + (0,) * 13 + (2, 6, 8, 8),
}
"""Shares of a day by hour, from midnight; a scenario may write its own 24 or 48 numbers instead."""

ENDS = ("low", "central", "high")
NONE_LATE = 1e-6
"""Share of the work that may wait below which none is late, but for rounding."""
HALVINGS = 12
"""Of the capacity, in search of the lowest level at which nothing is late: to a part in 4,000."""


@frozen
class WaitingWork:
    """Work of one kind that may wait."""

    amount: Array
    """What comes in each hour of a week, in replica-hours or requests. [168]"""
    due: Array
    """When what comes in an hour is due. [168, hours of the week]"""


@dataclass(frozen=True)
class Demand:
    """What a load asks for in a usual week, in requests a second or replicas."""

    now: Array
    """At once, in each hour. [168]"""
    work: Sequence[WaitingWork]
    """What may wait."""

    @cached_property
    def mean(self) -> float:
        """In a mean hour."""
        return float(self.now.mean() + sum(each.amount.mean() for each in self.work))

    @cached_property
    def waits(self) -> bool:
        """Whether any of it may wait."""
        return any(each.amount.any() for each in self.work)

    @property
    def windows(self) -> Array:
        """What must be done in each window of up to a week, over its length: what asks for an
        answer in it, and what comes and is due in it. [168 first hours, 168 lengths]"""
        work = ((each.amount.tobytes(), each.due.tobytes()) for each in self.work)
        return _windows(self.now.tobytes(), *work)


@lru_cache(maxsize=16)
def _windows(now: bytes, *work: tuple[bytes, bytes]) -> Array:
    """Of a demand, whose option, machine or variant has the same as others; few are kept, at 225
    KiB each. work: amount and due of each kind."""
    hours = np.arange(HOURS_OF_WEEK)
    start = hours[:, None]
    taken = np.concatenate([[0.0], np.cumsum(np.tile(np.frombuffer(now), 2))])
    came = (start - 1 + hours) % HOURS_OF_WEEK
    inside = np.zeros((HOURS_OF_WEEK, HOURS_OF_WEEK))
    for amount, due in (map(np.frombuffer, each) for each in work):
        # First hour of the window at whose end the work is due; the last column is beyond it.
        at = np.ceil(hours - 1 + (due - hours - 1)[came]).clip(0, HOURS_OF_WEEK).astype(int)
        place = start * (HOURS_OF_WEEK + 1) + at
        sums = np.bincount(place.ravel(), amount[came].ravel(), HOURS_OF_WEEK * (HOURS_OF_WEEK + 1))
        inside += sums.reshape(HOURS_OF_WEEK, -1)[:, :-1].cumsum(axis=1)
    return np.asarray((inside + taken[start + 1 + hours] - taken[start]) / (1 + hours))


@frozen
class Load:
    """Requests of one workload in the first year, and how soon they must be answered."""

    name: str
    hourly: Array
    """Requests a second in each hour of a usual week, Monday midnight first. [168]"""
    lengths: Lengths
    limits: Limits
    peak_factor: float
    """The busiest hour of the year over that of a usual week, seasons included."""
    batchable_share: float
    growth: tuple[Range, ...]
    """Into the second year, the third and so on; the last one holds for the years after it."""
    longest: int = 0
    """Longest request that must fit in the cache. [tokens]"""
    deadline: Deadline = ANY_DAY
    arrivals: Bunching = "people"
    most_at_once: float = math.inf
    """Requests of the first year's users that may be under way at once."""
    working: float = 1.0
    """Requests of a mean week of the year, holidays and seasons counted, over those of a usual
    week."""
    seasons: tuple[Season, ...] = ()

    @cached_property
    def by_month(self) -> tuple[float, ...]:
        """Requests of each calendar month over those of a mean one, January first. [12]"""
        months = of_months(self.seasons)
        return tuple((months / months.mean()).tolist())

    @cached_property
    def weeks(self) -> Array:
        """Requests of each of 52 weeks over those of a mean one, lowest first.

        Weeks differ by a log-normal factor whose largest is the peak factor, and by season: each
        season has as many of its busy weeks as the year.
        """
        usual = _week_factors(self.peak_factor / most(self.seasons))
        if not self.seasons:
            return usual
        times = np.ones(WEEKS_OF_YEAR)
        free = list(range(WEEKS_OF_YEAR - 1, -1, -1))
        for season in sorted(self.seasons, key=lambda each: -each.factor):
            number = min(round(season.weeks), len(free))
            taken = [free[i * len(free) // number] for i in range(number)]
            times[taken] = season.factor
            free = [week for week in free if week not in taken]
        weeks = np.sort(usual * times)
        return np.asarray(weeks / weeks.mean())

    @cached_property
    def interactive(self) -> Array:
        """`hourly` without the requests that may wait."""
        return self.hourly * (1 - self.batchable_share)

    @cached_property
    def waiting(self) -> Array:
        """Requests a second that come in each hour of a usual week and may wait. [168]"""
        return self.hourly * self.batchable_share

    @cached_property
    def demand(self) -> Demand:
        """Of a usual week, whatever machines serve it. [requests/s]"""
        work = [WaitingWork(amount=self.waiting, due=self.due())] if self.waiting.any() else []
        return Demand(self.interactive, work)

    @cached_property
    def mean_rate(self) -> float:
        """Over all hours of the first year, holidays counted. [requests/s]"""
        return float(self.hourly.mean()) * self.working

    def growth_factor(self, year: int, end: str = "central") -> float:
        """Load of a year of the horizon over the first year's."""
        steps = (self.growth[min(y, len(self.growth) - 1)] for y in range(year - 1))
        return float(math.prod(1 + getattr(step, end) for step in steps))

    def requests(self, year: int) -> Range:
        """Requests of a year of the horizon."""
        first = self.mean_rate * 3600 * 24 * DAYS_OF_YEAR
        low, central, high = (first * self.growth_factor(year, end) for end in ENDS)
        return Range(low, central, high, unit="requests")

    def due(self) -> Array:
        """Hour before whose start the work of each hour of a week must be done; at least one
        whole hour after the one in which it came. [168, hours from the week's start]
        """
        ends = np.arange(HOURS_OF_WEEK) + 1.0
        if self.deadline.by is None:
            return np.asarray(ends - 1 + math.floor(self.deadline.hours))
        # Work is put into whole hours: what is due at half past is done by the full hour before.
        return ends + 1 + (math.floor(self.deadline.by) - ends - 1) % 24


def workload_load(name: str, w: Workload, country: str = "", start: dt.date | None = None) -> Load:
    """The load of one workload.

    country, start: whose holidays from when on; a holiday is a Sunday. Without them there is none.
    """
    day = np.array(PROFILES[w.hours] if isinstance(w.hours, str) else w.hours, float)
    working = working_share(tuple(w.weekdays), country, start) if start else 1.0
    seasons = tuple(w.seasons)
    of_month = w.per_month * 12 / DAYS_OF_YEAR * 7 / sum(w.weekdays) / working
    per_day = w.users * w.per_user_day + w.per_day + of_month
    by_hour = day.reshape(24, -1).sum(axis=1)  # of half hours the two of each hour
    week = np.outer(np.array(w.weekdays), by_hour / by_hour.sum()).ravel()
    stated = w.latency
    limits = Limits(
        ttft_s=stated.ttft_s,
        tpot_s=stated.tpot_ms / 1e3,
        percentile=round(stated.percentile),
        whole_s=stated.whole or math.inf,
    )
    growth = tuple(w.growth_by_year) or (w.growth_per_year,)
    return Load(
        name=name,
        hourly=week * per_day / 3600,
        lengths=lengths_of(w),
        limits=limits,
        peak_factor=w.peak_factor * most(seasons),
        batchable_share=w.batchable_share,
        growth=growth,
        longest=vram.longest_request(w),
        deadline=w.deadline,
        arrivals=w.bunching,
        most_at_once=w.most_at_once,
        working=working * float(of_months(seasons).mean()),
        seasons=seasons,
    )


def lengths_of(w: Workload) -> Lengths:
    """Lengths of a workload's requests; hidden tokens count as answers."""
    visible = LogNormal.fitted(w.output_tokens.mean, w.output_tokens.p95)
    return Lengths(
        input=LogNormal.fitted(w.input_tokens.mean, w.input_tokens.p95),
        output=LogNormal(visible.mean + (w.reasoning_tokens or 0), visible.sigma),
        cached_share=w.cached_share,
    )


def most(seasons: Sequence[Season]) -> float:
    """Requests of the busiest week of the year over an ordinary one's."""
    return max([1.0, *(season.factor for season in seasons)])


def peaks_by_month(loads: Sequence[Load]) -> Array:
    """Busiest week of each calendar month over that of the year, of the load that falls least; an
    ordinary week is in each. [12]"""
    peaks = np.ones((len(loads), MONTHS_OF_YEAR))
    for own, load in zip(peaks, loads, strict=True):
        for season in load.seasons:
            touched = of_months((season,)) != 1
            own[touched] = np.maximum(own[touched], season.factor)
        own /= most(load.seasons)
    return np.asarray(peaks.max(axis=0))


@cache
def of_months(seasons: tuple[Season, ...]) -> Array:
    """Requests of each calendar month over those of an ordinary one, January first. [12]"""
    months = np.ones(MONTHS_OF_YEAR)
    for season in seasons:
        first = day_of(season.start, LEAP_YEAR)
        for number in range(math.ceil(7 * season.weeks)):
            day = first + dt.timedelta(days=number)
            part = min(1.0, 7 * season.weeks - number)
            months[day.month - 1] += part * (season.factor - 1) * MONTHS_OF_YEAR / DAYS_OF_YEAR
    return months


@cache
def working_share(weekdays: tuple[float, ...], country: str, start: dt.date) -> float:
    """Load of a mean week with a country's holidays over one without: a holiday is a Sunday.

    One where the calendar of the country is not known.
    """
    if country not in CALENDARS:
        return 1.0
    years = range(start.year, start.year + CALENDAR_YEARS)
    days = holidays.country_holidays(country, years=years)
    lost = sum(weekdays[day.weekday()] - weekdays[SUNDAY] for day in days)
    whole = sum(weekdays) / 7 * DAYS_OF_YEAR * CALENDAR_YEARS
    return float(max(whole - max(lost, 0.0), 0.0) / whole)


def duration_curve(loads: Sequence[Load], hourly: Sequence[Array]) -> Array:
    """Sum of loads in each hour of the first year, highest first; `hourly`: each one's week.

    Weeks that are busiest of one are taken to be so of all.
    """
    weeks = [
        np.outer(load.weeks, each * load.working) for load, each in zip(loads, hourly, strict=True)
    ]
    return np.sort(np.sum(weeks, axis=0).ravel())[::-1]


@cache
def _week_factors(peak: float) -> Array:
    """52 log-normal quantiles with mean one; the largest is `peak`, or the widest there can be."""
    z = scores(WEEKS_OF_YEAR)

    def factors(sigma: float) -> Array:
        raw = np.exp(sigma * z)
        return np.asarray(raw / raw.mean())

    low = 0.0
    high = z[-1]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if factors(middle)[-1] < peak else (low, middle)
    return factors(high)


# --- work that may wait -----------------------------------------------------------------------


def level_needed(demands: Sequence[Demand], times: Sequence[float]) -> float:
    """Least constant capacity that carries demands, each so many times, and all work in time.

    In every window the capacity must hold what must be done in it; that is also enough, with the
    earliest deadline first (Liu and Layland 1973). Of several demands that adds up, so that loads
    which grow apart need not be looked at anew.
    """
    both = list(zip(demands, times, strict=True))
    needed = float(np.max(sum(d.now * t for d, t in both)))
    if any(d.waits for d in demands):
        # A window of many weeks comes down to the mean of one.
        mean = float(sum(d.mean * t for d, t in both))
        busiest = float(np.max(sum(d.windows * t for d, t in both)))
        needed = max(needed, mean, busiest)
    return needed


@frozen
class Schedule:
    """Work that may wait, of one week that repeats, a usual one or the busiest, as it is done."""

    done: Array
    """[168, replica-hours]"""
    late: float
    """Share of the work that misses its deadline."""


def schedule(now: Array, work: Sequence[WaitingWork], capacity: float) -> Schedule:
    """Waiting work put into the idlest hours that keep its deadlines, as `level_needed` has it.

    Of all levels up to the capacity, the lowest at which nothing is late: hours that are busier
    do no waiting work. Where even the capacity is too little, some of it is late.
    """
    best = _earliest_first(np.maximum(capacity - now, 0.0), work)
    low = 0.0
    high = capacity
    if best.late >= NONE_LATE or not best.done.any():
        return best
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        found = _earliest_first(np.maximum(middle - now, 0.0), work)
        if found.late < NONE_LATE:
            high = middle
            best = found
        else:
            low = middle
    return best


def _earliest_first(room: Array, work: Sequence[WaitingWork]) -> Schedule:
    """Three weeks of work, earliest deadline first; the last one is told."""
    queue: list[tuple[float, int, float]] = []
    done = np.zeros(HOURS_OF_WEEK)
    late = 0.0
    came = 0.0
    last = 2 * HOURS_OF_WEEK
    for now in range(3 * HOURS_OF_WEEK):
        hour = now % HOURS_OF_WEEK
        before = (now - 1) % HOURS_OF_WEEK
        for each in work:
            amount = float(each.amount[before])
            if amount > 0:
                heapq.heappush(queue, (now + each.due[before] - before - 1, now, amount))
                came += amount if now >= last else 0.0
        free = float(room[hour])
        while queue and free > 1e-12:
            end, since, left = heapq.heappop(queue)
            part = min(left, free)
            free -= part
            if left > part:
                heapq.heappush(queue, (end, since, left - part))
            if now >= last:
                done[hour] += part
                late += part if now >= end else 0.0
    late += sum(left for end, _, left in queue if end <= 3 * HOURS_OF_WEEK)
    return Schedule(done=done, late=late / came if came else 0.0)
