"""Values as people read them in a language: numbers, money, shares, units, yes or no, and what is not stated.

Numbers follow Unicode's CLDR, by way of Babel.
"""

from functools import cache
from pathlib import Path

from babel import Locale
from babel.core import get_global
from babel.numbers import format_currency, format_decimal, get_currency_precision, get_territory_currencies
from babel.units import format_unit

from data.formats.yaml_text import read_yaml

_DURATIONS = ("year", "month", "week", "day", "hour", "minute")


@cache
def _words() -> dict[str, dict[str, str]]:
    content = read_yaml(Path(__file__).with_name("value_words.yaml").read_text(encoding="utf-8"))
    return dict(content)


def value_word(name: str, language: str) -> str:
    """The word for "yes", "no" or "not_stated"; in English for a language without an entry."""
    return _words().get(language, _words()["en"])[name]


def number_text(number: float, language: str, *, is_grouped: bool = True) -> str:
    """At most two decimals, or two significant digits below 0.01; thousands set apart unless they are not to be."""
    if 0 < abs(number) < 0.01:
        return format_decimal(number, format="@@", locale=language)
    return format_decimal(number, format="#,##0.##" if is_grouped else "0.##", locale=language)


def percent_text(percentage: str, language: str) -> str:
    """A number that is written already, with the percent sign as the language sets it: "63%" or "63 %"."""
    apart = " " if "\u00a0" in Locale.parse(language).percent_formats[None].pattern else ""
    return f"{percentage}{apart}%"


def share_text(share: float, language: str) -> str:
    """A share from 0 to 1 in whole per cent."""
    return percent_text(format_decimal(100 * share, format="0", locale=language), language)


def amount_text(amount: float, currency: str, language: str) -> str:
    """An amount of money with its ISO code, for example "1.50 GBP", with as many decimals as the currency has."""
    text = format_currency(amount, currency, format="#,##0.00 ¤¤", locale=language)
    return text.replace("\u00a0", " ")


def currency_decimals(currency: str) -> int:
    """How many decimals amounts of a currency have: 2 of euros, none of yen."""
    return int(get_currency_precision(currency))


@cache
def is_currency(code: str) -> bool:
    """Whether an ISO 4217 code is that of money with which people somewhere pay today."""
    territories = get_global("territory_currencies")
    return any(code in get_territory_currencies(territory) for territory in territories)


def duration_text(number: float, unit: str, language: str) -> str:
    """A duration in words, in the right form: "1 minute", "17,5 Minuten". `unit` is CLDR's, such as day."""
    return format_unit(number, f"duration-{unit}", length="long", locale=language)


def with_unit(number: float, text: str, unit: str, language: str) -> str:
    """A written number with its unit; of a duration (English or the language's word), in the right form."""
    if not unit:
        return text
    if unit == "%":
        return percent_text(text, language)
    duration = _durations(language).get(unit.casefold())
    if duration is None:
        return f"{text} {unit}"
    whole = format_unit(number, f"duration-{duration}", length="long", locale=language)
    word = whole.replace(format_decimal(number, locale=language), "").strip()
    return f"{text} {word}"


@cache
def _durations(language: str) -> dict[str, str]:
    """Words such as "years" or "Jahre" → CLDR's name of the unit."""
    found = {}
    for locale in ("en", language):
        for duration in _DURATIONS:
            for number in (1, 5):
                text = format_unit(number, f"duration-{duration}", length="long", locale=locale)
                found[text.replace(str(number), "").strip().casefold()] = duration
    return found
