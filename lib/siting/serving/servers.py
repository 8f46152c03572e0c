"""Servers: how many hold a number of replicas, and how many stand by."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, overload

import numpy as np
import numpy.typing as npt
import scipy  # whose parts load once they are used: a check of a file needs none

from siting import catalogue
from siting.catalogue import Count, Fact, Gpu, GpuId, Positive
from siting.inputs.scenario.model import Option
from siting.places import OWNED
from siting.quantity import Range
from siting.records import frozen

MOST_SPARES = 50
ROUNDING = 1e-9
"""What sums and products of shares may be off by, and no part of a machine that anybody means:
3.0000000001 servers are three."""
Array = npt.NDArray[np.float64]


class Server(Fact, tables="servers", key="id"):
    """A machine that can be bought. Power is that of the whole machine, before cooling. [kW]"""

    id: str
    label: str
    form: Literal["server", "workstation", "rack"]
    """What a buyer calls it."""
    gpu_id: GpuId
    gpu_count: Count
    power_kw: Range
    """Draw under full load."""
    provisioned_kw: Positive
    """What a data centre must keep ready, and bills."""


def known_servers(option: Option) -> list[Server]:
    """The server that an option names, or all with its card, or a usual one with it."""
    rows = catalogue.table("servers", Server)
    if option.server:
        return [r for r in rows if r.id == option.server]
    card = catalogue.gpu(option.gpu)
    return [r for r in rows if r.gpu_id == card.id] or usual_server(card)


def usual_server(card: Gpu) -> list[Server]:
    """A server as others are, for a card of which none is on record; none without its power."""
    if not card.tdp_w:
        return []
    settings = catalogue.settings("load_settings")
    count = round(settings["server_cards"].central)
    power = settings["server_power"]
    draw = power.range.scaled(count * card.tdp_w / 1000, "kW")
    return [
        Server(
            id=f"usual-{count}x-{card.id}",
            label=f"{count} × {card.gpu} server, its power estimated",
            form="server",
            gpu_id=card.id,
            gpu_count=count,
            power_kw=draw,
            provisioned_kw=draw.high,
            **power.provenance.model_dump(),
        )
    ]


def server_of(option: Option) -> Server | None:
    """The server that an option buys; None for rented GPUs, or where none is known."""
    return next(iter(known_servers(option)), None) if option.kind in OWNED else None


def server(name: str) -> Server:
    """A server of siting_facts/servers.csv. Raises UnknownName for one that nobody knows."""
    for row in catalogue.table("servers", Server):
        if row.id == name:
            return row
    raise catalogue.UnknownName(
        catalogue.unknown(name, "server", catalogue.column("servers", "id"))
    )


@overload
def whole_up(machines: float) -> int: ...
@overload
def whole_up(machines: Array) -> Array: ...
def whole_up(machines: float | Array) -> int | Array:
    """Whole machines that hold so many; one more is not taken for an error of rounding."""
    if isinstance(machines, np.ndarray):
        return np.ceil(machines - ROUNDING)
    return math.ceil(machines - ROUNDING)


@overload
def whole_down(machines: float) -> int: ...
@overload
def whole_down(machines: Array) -> Array: ...
def whole_down(machines: float | Array) -> int | Array:
    """Whole machines among so many; none is lost to an error of rounding."""
    if isinstance(machines, np.ndarray):
        return np.floor(machines + ROUNDING)
    return math.floor(machines + ROUNDING)


def replicas_per_server(server: Server, gpus: int) -> float:
    """Replicas of so many GPUs that a server holds; below one where a replica spans servers."""
    if server.gpu_count >= gpus:
        return server.gpu_count // gpus
    return 1 / math.ceil(gpus / server.gpu_count)


# --- availability -----------------------------------------------------------------------------


@frozen
class StandBy:
    """What stands by for failure and maintenance: servers where they are bought, because a server
    fails as a whole, else replicas."""

    count: int = 0
    """So many; of no account where as many again stand by."""
    as_many_again: bool = False
    """As many as serve, however many that are."""

    def total(self, serving: float) -> float:
        """So many that serve, and what stands by."""
        return 2 * serving if self.as_many_again else serving + self.count

    @staticmethod
    def most(every: Iterable[StandBy]) -> StandBy:
        """What is enough for several pools that share servers: the most that one of them asks."""
        known = list(every)
        return StandBy(
            count=max((each.count for each in known), default=0),
            as_many_again=any(each.as_many_again for each in known),
        )


def uptime() -> float:
    """Share of the time in which a server runs: failures a day and days of repair."""
    known = catalogue.settings("load_settings")
    down = known["server_failures"].central * known["server_repair"].central
    return 1 / (1 + down)


def reached(needed: int, spares: int, up: float) -> float:
    """Chance that at least `needed` of `needed + spares` independent servers run.

    The upper tail of the binomial as the regularised incomplete beta function (NIST Digital
    Library of Mathematical Functions, 8.17.5), which holds for thousands of servers as for two.
    """
    if needed < 1:
        return 1.0
    return float(scipy.special.betainc(needed, spares + 1, up))


def spares_for(needed: int, wanted: float) -> int:
    """Fewest spare servers with which `needed` of them run for the wanted share of the time."""
    up = uptime()
    return next((s for s in range(MOST_SPARES) if reached(needed, s, up) >= wanted), MOST_SPARES)
