"""What is not to be translated, as regular expressions.

No text may take longer than in proportion to its length. So what is repeated is
repeated possessively, a search that fails has stopped at the next place where another
could begin, and words are begun at their first letter alone.
"""

import re

from onnxlate.answer import ItemKind

# Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese write words without blanks, so
# their letters end no number.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
LETTER = rf"[^\W\d_{_UNSPACED}]"
"""One that is part of a word written between blanks."""

DIGIT = r"[\d\u00bc-\u00be\u2150-\u215e]"
"""Fractions such as ½ among them."""

# The first of the three says nothing new, but most of what is to be said in no time.
_START = rf"(?<![a-z])(?<![\d_])(?<!{LETTER})"
_END = rf"(?![\d_])(?!{LETTER})"
_BLANK = r"[ \u00a0\u202f]"

SYMBOL = r"\u27e6\d{1,3}+\u27e7"
"""What onnxlate.placeholder writes, and a text may have by itself."""
SYMBOLS = re.compile(SYMBOL)

CODE = r"(?<!`)(?P<ticks>`{1,3}+)(?!`)(?:(?!(?P=ticks)).)++(?P=ticks)(?!`)"

# Six deep: a plural with an argument in a choice in another, as ICU's messages have it.
_BRACES = r"\{[^{}]*+\}"
for _ in range(5):
    _BRACES = rf"\{{(?:[^{{}}]++|{_BRACES})*+\}}"

_PRINTF = (
    r"%(?:\(\w++\)|\d++\$)?+[-+0#]*+\d*+(?:\.\d++)?+(?:hh|h|ll|l|z|t|j)?+"
    # "%dpx" has a unit behind, "%discount" is no placeholder.
    r"(?:[sdiuf](?![^\W\d_]{3})|[@xXeEgGcpor](?!\w))"
)

PLACEHOLDER = "|".join(
    [
        SYMBOL,
        r"\{%(?:(?!%\}|\{%).)*+%\}",
        rf"[$#%]?+{_BRACES}",
        r"\$\(\w++\)|\$[A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)*+",
        r"%[A-Za-z_][\w.-]++%(?![\w(])",
        _PRINTF,
    ]
)

TAG = (
    r"</?[A-Za-z][\w:-]*+"
    r"""(?:\s++[\w:-]++=(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>=]++))*+\s*+/?>"""
)

# Quotation marks and the marks of Chinese and Japanese end a URL, their letters do not.
_IN_URL = (
    r"[^\s<>\"`|\\^\u00ab\u00bb\u201c-\u201f\u2039\u203a\u27e6\u27e7\u3001-\u3003"
    r"\u3008-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]"
)
_TOP_LEVEL = (
    "com|org|net|edu|gov|io|dev|app|ai|info|eu|de|uk|fr|nl|ch|cn|jp|ru|pl|ca|au|br"
)

URL = "|".join(
    [
        rf"{_START}[A-Za-z][A-Za-z0-9+.-]{{1,20}}+://{_IN_URL}++",
        rf"{_START}[Ww]{{3}}\.(?=\w){_IN_URL}++",
        r"(?<![a-z])(?<![\w.@-])(?:[A-Za-z0-9-]++\.(?=[A-Za-z0-9]))++"
        rf"(?:{_TOP_LEVEL})(?![\w-])(?:[/:?#](?=\S){_IN_URL}*+)?+",
    ]
)

EMAIL = (
    r"(?<![a-z])(?<![\w.+%-])(?:mailto:)?+[\w+%-][\w.+%-]*+"
    r"@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++"
)

_CURRENCIES = "EUR|USD|GBP|JPY|CHF|CNY|RMB|CAD|AUD|SEK|NOK|DKK|PLN|CZK|INR|KRW|RUB|TRY"
_MONEY = "$€£¥₩₹₽₺₴฿¢"

_NUMBER_PREFIX = (
    rf"(?:(?:US|CA|AU|HK|NZ|A|C|R)?+[{_MONEY}]{_BLANK}?+"
    rf"|(?:{_CURRENCIES}){_BLANK}?+(?=[-+−±]?{DIGIT})"
    rf"|[#№](?={DIGIT})|§{{1,2}}+{_BLANK}?+(?={DIGIT}))"
)

_SIGN = r"(?:(?<![\w)\]])[-+−±])"

_TELEPHONE = (
    r"\+\d{1,3}+(?:[ ./-]{0,2}+(?:\d{2,}+|\(\d++\)))++|\(\d{3,5}+\) ?\d{3,4}+-\d{3,4}+"
)

_NUMBER_CORE = "|".join(
    [
        r"0[xX][0-9A-Fa-f]++",
        r"\d{1,3}(?:[ \u00a0\u202f]\d{3}(?!\d))++(?:[.,]\d++)?+",
        rf"{DIGIT}++(?:[.,:/'’·×xX_–-]{DIGIT}++)*+",
    ]
)

_UNITS = (
    r"[%‰°′″]|°[CFR]|k?m/h|m/s²?|[kMGTPE]?i?[Bb](?:it)?/s|[kMGTP]i?[Bb]|[kMG]?Pa|hPa"
    r"|[kMGT]?Hz|[nµμmcdk]?m[²³]?|[µμmk]?g|[mcdh]?l|[mMkG]?W|[kM]?Wh|[mk]?V|mAh?|[kM]?Ω"
    r"|[kM]?J|k?cal|kN|dB|[nµμm]s|min|sec|h|ft|lbs?|oz|yd|mph|kph|fps|rpm|px|pt|dpi"
    rf"|[{_MONEY}]|{_CURRENCIES}"
)
_MAGNITUDES = r"(?:[kKMB]|bn|mn)"

# German's "am" is no time of day, so the bare one is English alone.
_TIME_OF_DAY = r"(?:[AaPp]\.[Mm]\b(?:\.(?!\s*$))?+|[AP]M{end}|pm{end}|{am})"

_MORE = r"(?:[.:_/-](?=[A-Za-z]*+\d)[A-Za-z0-9]++)*+"
"""Of a code such as 550e8400-e29b or 10T12:30:00Z."""


def _number_tail(language: str) -> str:
    """What belongs to a number behind its digits."""
    blank_am = "am" if language.split("-")[0] == "en" else "(?!)"
    time = _TIME_OF_DAY.format(end=_END, am=rf"{blank_am}{_END}")
    return "|".join(
        [
            rf"[eE][+-]?+\d++{_END}(?!-)",
            rf"{_BLANK}?{time}",
            rf"am{_END}",
            rf"{_MAGNITUDES}?(?:{_BLANK}?(?:{_UNITS})|{_BLANK}s)(?!['’]){_END}",
            rf"{_MAGNITUDES}{_END}",
            rf"(?=[A-Z]|[a-z]++\d)[A-Za-z0-9]++{_MORE}",
            rf"[-.]?(?:rc|alpha|beta|dev|pre)(?:[.-]?\d++)?+{_END}",
        ]
    )


_WORD_WITH_DIGITS = (
    rf"{_START}(?:{LETTER}++(?=\d)[A-Za-z0-9]++{_MORE}|[A-Z]{LETTER}*+-\d[A-Za-z0-9]*+)"
)


def _number(language: str) -> str:
    """With its unit, and where a letter or digit is before, with that word.

    Of "1st" and "1930s" the digits alone: what is behind is the language's.
    """
    return (
        rf"{_WORD_WITH_DIGITS}|{_START}(?:{_TELEPHONE}"
        rf"|{_SIGN}?+{_NUMBER_PREFIX}?+{_SIGN}?+(?:{_NUMBER_CORE})"
        rf"(?:{_number_tail(language)})?+)"
    )


_HINTS = re.compile(r"[\d`{%$<@\u27e6\u00bc-\u00be\u2150-\u215e]")
_DOTS = re.compile(r"\.[A-Za-z0-9]")


def may_have_items(text: str) -> bool:
    """Quickly; most sentences have nothing that an item has."""
    return bool(_HINTS.search(text) or "://" in text or _DOTS.search(text))


WORDY = re.compile(rf"{LETTER}|[\d_]")
WORDS = re.compile(rf"(?:{WORDY.pattern})++")


def pattern(language: str) -> re.Pattern[str]:
    """Finds items in texts of a language (BCP 47); the group's name is the kind's."""
    alternatives = {
        ItemKind.CODE: CODE,
        ItemKind.PLACEHOLDER: PLACEHOLDER,
        ItemKind.TAG: TAG,
        ItemKind.EMAIL: EMAIL,
        ItemKind.URL: URL,
        ItemKind.NUMBER: _number(language),
    }
    groups = (f"(?P<{kind.name}>{each})" for kind, each in alternatives.items())
    return re.compile("|".join(groups), re.DOTALL)
