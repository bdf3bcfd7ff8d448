#!/usr/bin/env python3
"""Makes events/prices.json from the package genai-prices.

    python3 -m venv .cache/prices
    .cache/prices/bin/pip install genai-prices==0.2.3
    .cache/prices/bin/python scripts/prices.py --date 2026-11-22 > events/prices.json

Whole pico-dollars for one token: a dollar for a million tokens is a million pico-dollars for one.
A price that is not whole, or a rule that the table cannot hold, leaves the model out: its cost is
then unknown rather than wrong.
"""

import argparse
import datetime
import importlib.metadata
import json
import re
import sys
from decimal import Decimal

from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ClauseOr, ClauseStartsWith, StartDateConstraint, TieredPrices

# Our id → the package's. OpenRouter states its own cost, Azure's prices for OpenAI's models are not in
# the package, and subscriptions have none.
PROVIDERS = {
    "amazon-bedrock": "aws",
    "anthropic": "anthropic",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "together": "together",
    "vertex": "google",
    "xai": "x-ai",
}
# Whose prices are told by name. Google's package row holds Anthropic's models too, which cost more in
# a region of one's choice, and the name does not say where it ran.
MODELS = {"openai": re.compile(r"^(?!ft:)"), "google": re.compile(r"^(gemini|gemma|text-embedding)"), "vertex": re.compile(r"^gemini")}
REGIONAL = "regional."
REGIONS = ("", "us.", "eu.", "apac.")
# Priced in the table's five buckets; calls of tools and sounds are told apart by the sidecar.
BUCKETS = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok"}
BESIDE = {
    "web_searches_kcount",
    "storage_searches_kcount",
    "input_audio_mtok",
    "cache_audio_read_mtok",
    "output_audio_mtok",
}
# A name ends before a date, because the table's reader takes dates off.
DATE = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2})$")
# Models that bill by sound or picture besides.
OTHER_MEDIA = re.compile(r"audio|tts|realtime|image|live|transcribe|whisper")
WHOLE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._]*([-/:][A-Za-z0-9._]+)*$")


def rates_on(model, date):
    """The prices that hold on a date, or None."""
    if not isinstance(model.prices, list):
        return model.prices
    found = None
    for conditional in model.prices:
        rule = conditional.constraint
        if rule is None or isinstance(rule, StartDateConstraint) and rule.start_date <= date:
            found = conditional.prices
        elif not isinstance(rule, StartDateConstraint):
            return None
    return found


def pico(dollars_per_million):
    value = Decimal(dollars_per_million) * 1_000_000
    if value != value.to_integral_value():
        raise ValueError(f"{dollars_per_million} is no whole number of pico-dollars")
    return int(value)


def rates(prices, pick):
    """The five rates; a cache without a price of its own is billed as plain input."""
    value = {name: pick(getattr(prices, name)) for name in BUCKETS if getattr(prices, name) is not None}
    plain = value["input_mtok"]
    write = value.get("cache_write_mtok", plain)
    return {
        "uncachedInput": pico(plain),
        "cacheRead": pico(value.get("cache_read_mtok", plain)),
        "cacheWrite5m": pico(write),
        "cacheWrite1h": pico(value.get("cache_write_1h_mtok", write)),
        "output": pico(value.get("output_mtok", 0)),
    }


def row(prices):
    used = {name for name, value in vars(prices).items() if value is not None}
    if "input_mtok" not in used or used - BUCKETS - BESIDE:
        return None
    line = rates(prices, lambda price: price.base if isinstance(price, TieredPrices) else price)
    tiered = [getattr(prices, name) for name in used if isinstance(getattr(prices, name), TieredPrices)]
    starts = {tier.start for price in tiered for tier in price.tiers}
    if len(starts) > 1:
        return None
    for start in starts:
        above = rates(prices, lambda price: price.tiers[0].price if isinstance(price, TieredPrices) else price)
        line["longContext"] = {"aboveInput": start, **above}
    return line


def names(model):
    """Every whole name of a model, without dates."""
    clauses = model.match.or_ if isinstance(model.match, ClauseOr) else [model.match]
    # Some ids are short forms that no answer has.
    found = {model.id} if model.match.is_match(model.id) else set()
    found |= {clause.equals for clause in clauses if isinstance(clause, ClauseEquals)}
    found |= {clause.starts_with for clause in clauses if isinstance(clause, ClauseStartsWith)}
    cut = re.compile(r"-20\d\d$")
    # The package's word for a profile of any one region.
    for name in [name for name in found if name.startswith(REGIONAL)]:
        found |= {place + name.removeprefix(REGIONAL) for place in REGIONS}
        found.discard(name)
    return {n for n in found if WHOLE_NAME.match(n) and not cut.search(n) and not OTHER_MEDIA.search(n)}


def table(provider, date, wanted):
    dated, plain = {}, {}
    for model in provider.models:
        prices = rates_on(model, date)
        line = row(prices) if prices else None
        if line is None:
            continue
        for name in filter(wanted.match, names(model)):
            base = DATE.sub("", name)
            (plain if base == name else dated)[name] = line
    # A dated name stays only where it costs something else than its family.
    kept = {name: line for name, line in dated.items() if plain.get(DATE.sub("", name)) != line}
    return dict(sorted({**plain, **kept}.items()))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--date", required=True, type=datetime.date.fromisoformat)
    date = arguments.parse_args().date
    version = importlib.metadata.version("genai-prices")
    known = {provider.id: provider for provider in providers}
    any_model = re.compile("")
    found = {ours: table(known[theirs], date, MODELS.get(ours, any_model)) for ours, theirs in PROVIDERS.items()}
    if not all(found.values()):
        sys.exit(f"genai-prices {version} has no prices for one of {', '.join(PROVIDERS)}")
    head = {"version": f"{date}", "source": f"genai-prices {version} (MIT), by scripts/prices.py", "date": f"{date}"}
    lines = [f'  "{name}": {json.dumps(value)},' for name, value in head.items()]
    blocks = []
    for provider, models in sorted(found.items()):
        rows = ",\n".join(f'      "{name}": {json.dumps(line)}' for name, line in models.items())
        blocks.append(f'    "{provider}": {{\n{rows}\n    }}')
    body = ",\n".join(blocks)
    print("{\n" + "\n".join(lines) + '\n  "providers": {\n' + body + "\n  }\n}")


if __name__ == "__main__":
    main()
