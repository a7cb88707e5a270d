"""Whether a text looks as if it were in another language than the model reads.

Two cheap signs, both of which have to be strong: the script, and the small words that
no sentence of a language does without. Silence means nothing.
"""

import re
import unicodedata
from collections import Counter

_SCRIPTS = {
    "LATIN": "en de fr es it pt nl sv da nb no fi pl cs sk sl hr hu ro tr vi id ca et",
    "CYRILLIC": "ru uk bg be mk",
    "CJK": "zh",
    "CJK HIRAGANA KATAKANA": "ja",
    "HANGUL CJK": "ko",
    "ARABIC": "ar fa ur",
    "HEBREW": "he yi",
    "GREEK": "el",
    "DEVANAGARI": "hi mr ne",
    "THAI": "th",
}

SCRIPTS = {
    language: frozenset(scripts.split())
    for scripts, languages in _SCRIPTS.items()
    for language in languages.split()
}

_SMALL_WORDS = {
    "en": "the of and to is in that it was for you he she with on are this have not be "
    "his her they at from by we do an as but my has had what will can there who if me "
    "no all so or your their were been one him when would which out up more some them "
    "a i us our its how where why did does don just about into than then too man men "
    "am war die see des per con son pour sur den plus dans",
    "de": "der und das ist nicht ein eine ich sie mit den auf zu sich es dem im von "
    "wir du er hat sind auch einen einem einer für aber wie wird bei nach noch",
    "fr": "le la les des est une dans pour que qui pas vous il elle sur avec un et du "
    "au ce je nous sont mais ou par plus cette ses aux",
    "es": "el la los las que en un una es por con para se del al su y lo como más pero "
    "le está son muy este",
    "it": "il la che di un una per non con del della sono gli le è si da nel alla lo "
    "ma come anche questo",
    "pt": "os as que em um uma não para com do da dos por se mais na no ao é mas como "
    "foi ele ela",
    "nl": "de het een van dat niet ik je met op voor zijn er aan ook maar naar ze wij "
    "wordt deze",
    "sv": "och att det som en på är av för inte med jag den till har de ett om han var",
    "pl": "nie na się że do jest jak ale tak za co po przez dla czy był ma",
}

SMALL_WORDS = {
    language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()
}

_ALL = frozenset().union(*SMALL_WORDS.values())

_WORD = re.compile(r"[^\W\d_]+")

FEWEST_LETTERS = 12
"""Of which a script is judged: names of products are written in Latin everywhere."""

FEWEST_WORDS = 3
"""Different small words of another language."""


def foreign(text: str, language: str) -> str | None:
    """Why the text seems to be in another language; None if it does not."""
    language = language.partition("-")[0]
    return _script(text, language) or _words(text, language)


def _script(text: str, language: str) -> str | None:
    expected = SCRIPTS.get(language)
    if expected is None or (text.isascii() and "LATIN" in expected):
        return None
    scripts = Counter(map(_script_of, filter(str.isalpha, text)))
    most = max(scripts, key=lambda each: scripts[each], default="")
    num_letters = scripts.total()
    strange = num_letters - sum(scripts[each] for each in expected)
    if num_letters >= FEWEST_LETTERS // (2 if most == "CJK" else 1) and (
        strange > num_letters / 2
    ):
        return f"most letters are {most.capitalize() if most != 'CJK' else most}"
    return None


def _script_of(letter: str) -> str:
    return unicodedata.name(letter, "?").partition(" ")[0]


def _words(text: str, language: str) -> str | None:
    own = SMALL_WORDS.get(language)
    if own is None:
        return None
    words = set(_WORD.findall(text.lower()))
    num_own = len(words & own)
    least = max(FEWEST_WORDS, 2 * num_own + 1)
    if len(words & _ALL) - num_own < least:
        return None
    best = max(SMALL_WORDS, key=lambda each: len((words & SMALL_WORDS[each]) - own))
    num_best = len((words & SMALL_WORDS[best]) - own)
    if num_best < least:
        return None
    return f'{num_best} words are frequent in "{best}", and {num_own} in "{language}"'
