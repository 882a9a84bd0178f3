"""Units: which texts are units, and where a column's name holds one."""

from __future__ import annotations

import re

from mbo_core.tasks.amounts import words_of

_PREFIXED = "m g l L s h mol M Da eV Pa bar N J cal W V A Hz K U IU Torr S F C P St Bq Sv T Wh Ah ppm b B lx cd lm kat"
_ALONE = (
    "% %% ‰ ppm ppb ppt min d day days hr hrs hour hours sec secs week weeks month months year years a "
    "°C °F ° C F degC deg rad atm psi psig mmHg Torr torr rpm g cP eq equiv eq. equiv. Da wt% wt.% wt.-% vol% vol.% "
    "vol.-% mol% mol.% mol-% at% at.% w/w w/v v/v wt vol pct percent Å Angstrom Ω ohm cfu CFU OD au a.u. A.U. arb.u. "
    "px t lb lbs oz in ft gal USD EUR € $ ha dB pH pKa RFU RLU counts cps pcs x fold bp kb aa mesh MPa HV HRC CFU/mL"
)
_PREFIXES = "(?:da|[numcdhkMGTpfµμ])?"
_BASE = "|".join(re.escape(one) for one in sorted({*_ALONE.split(), "µ", "μ"}, key=len, reverse=True))
_SYMBOL = f"(?:{_BASE}|{_PREFIXES}(?:{'|'.join(_PREFIXED.split())}|Å|Ω|ohm|bar))"
_POWER = r"(?:\^?[-\u2212]?\d|[²³]|\u207b?[\u00b9\u00b2\u00b3\u2070-\u2079])?"
_TERM = rf"(?:\d{{1,3}} ?)?{_SYMBOL}{_POWER}"
_NEGATIVE = r"(?:\^?[-\u2212]\d|\u207b[\u00b9\u00b2\u00b3\u2070-\u2079])"
_UNIT = re.compile(rf"(?:1\s*/\s*)?{_TERM}(?:\s*[/*·\u00d7.]\s*{_TERM}|\s{_SYMBOL}{_NEGATIVE}){{0,4}}")
_BRACKETS = re.compile(r"[\[(]([^\[\]()]{1,20})[\])]")

_PER = {"min", "h", "s", "d", "l", "L", "ml", "mL", "g", "kg", "mg", "m", "cm", "mol"}
"""Units that, last in a name behind another, divide it: flow_ml_min."""
_SINGLE = {
    "C": {"temp", "temperature", "t"}, "K": {"temp", "temperature", "t"}, "F": {"temp", "temperature"},
    "h": {"time", "duration"}, "s": {"time", "duration"}, "M": {"conc", "concentration"},
}  # fmt: skip
"""Single letters at the end of a name, and the words that make units of them."""
_SPELT = {"pct": "%", "percent": "%"}


def is_unit(text: str) -> bool:
    """Whether a text is a unit that is known here.

    >>> [text for text in ("°C", "mL/min", "mg kg-1", "mol/m3", "%", "DMF", "red") if not is_unit(text)]
    ['DMF', 'red']
    """
    return len(text) <= 20 and _UNIT.fullmatch(text.strip()) is not None


def is_bracketed(text: str) -> bool:
    """Whether a text stands in brackets, as units below a header do."""
    return _BRACKETS.fullmatch(text.strip()) is not None


def bare(text: str) -> str:
    """A unit without its brackets.

    >>> bare("[mL]"), bare("%")
    ('mL', '%')
    """
    found = _BRACKETS.fullmatch(text.strip())
    return found[1].strip() if found else text.strip()


def unit_in(name: str) -> str:
    """The unit in a column's name; nothing if it has none that is certain.

    >>> unit_in("temp [°C]"), unit_in("yield_pct"), unit_in("pump_ml_min"), unit_in("vitamin_C"), unit_in("temp_C")
    ('°C', '%', 'ml/min', '', 'C')
    >>> unit_in("additive %"), unit_in("vitamin B1")
    ('%', '')
    """
    bracket = re.search(r"\S\s*[\[(]([^\[\]()]{1,20})[\])]\s*$", name)
    if bracket:
        return bracket[1].strip() if is_unit(bracket[1]) else ""
    apart = name.rpartition(" ")[2]
    if apart != name and set(apart) & set("%°/µ\u03bc") and is_unit(apart):
        return apart
    first, *words = name.split("_")
    if not first or not words:
        return ""
    last = words[-1]
    if len(words) > 1 and last in _PER and is_unit(words[-2]) and len(words[-2]) > 1:
        return f"{words[-2]}/{last}"
    if len(last) == 1:
        return last if _SINGLE.get(last, set()) & set(words_of(name)[:-1]) or last == "%" else ""
    return _SPELT.get(last, last if is_unit(last) else "")
