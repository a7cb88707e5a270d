"""Which language a text is in, and what languages are called."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

MAX_CHARACTERS = 2000
"""That are looked at; more changes nothing."""

NAMES = {
    **{"ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan"},
    **{"cs": "Czech", "da": "Danish", "de": "German", "el": "Greek"},
    **{"en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian"},
    **{"eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French"},
    **{"ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi"},
    **{"hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic"},
    **{"it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian"},
    **{"lv": "Latvian", "ms": "Malay", "nb": "Norwegian Bokmål", "nl": "Dutch"},
    **{"pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian"},
    **{"sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian"},
    **{"sv": "Swedish", "sw": "Swahili", "th": "Thai", "tl": "Tagalog"},
    **{"tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese"},
    **{"zh": "Chinese", "zh-Hant": "Chinese (traditional)"},
}


@dataclass(frozen=True, slots=True)
class Guess:
    language: str
    confidence: float
    """Percent, of all the languages there are, not only those that are served."""


def name_of(code: str) -> str:
    """In English, as LibreTranslate says it; the code itself if it has none here."""
    return NAMES.get(code) or NAMES.get(code.partition("-")[0], code)


def guesses(text: str, languages: Iterable[str]) -> list[Guess]:
    """How likely the text is in each of `languages`, the likeliest first.

    A text in none of them has low confidences throughout.
    """
    shares: dict[str, float] = dict(_identifier().rank(text[:MAX_CHARACTERS]))
    found = [
        Guess(each, round(100 * shares.get(each.partition("-")[0].lower(), 0.0), 1))
        for each in dict.fromkeys(languages)
    ]
    return sorted(found, key=lambda guess: -guess.confidence)


@cache
def _identifier() -> Any:
    """Takes half a second, so not before somebody wants to know."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
