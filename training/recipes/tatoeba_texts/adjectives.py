"""Rare adjectives before nouns, in forms that the text may not have of them."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from .clauses import Pair, words
from .rare_words import BEFORE_ADJECTIVES, SEIN, VERBS, Words, put_in_place

ENDINGS = ("e", "er", "es", "en", "em")
LONGEST_FIRST = ("er", "es", "en", "em", "e")
RARE = 40
"""Times that an adjective is met at most, in all its forms."""
EACH = 5
"""Places that each of its forms is put into."""
MIN_PLACES = 50
"""Of an ending that is used at all."""

NO_ADJECTIVES = words(
    "this that these those what which one our her his its no every each some any the a "
    "an my your their all two three four five other another how"
)
NO_ENDINGS = words(
    "it same very much more most him them good not there here right like"
)
"""What else is met in their places in English."""
OF_OTHER_STEM = words("hoch dunkel teuer sauer rosa lila super prima gern")


class Place(NamedTuple):
    sentence: int
    german: int
    english: int
    ending: str
    """Nothing where it stands behind "is"."""
    pair: Pair
    """The English word, and the German one's stem."""


def adjectives(text: Words) -> Iterator[Place]:
    """What seems to be one."""
    for k, links in enumerate(text.links):
        german, english = text.german[k], text.english[k]
        for j, i in links.items():
            word, other = german[j], english[i]
            if other in NO_ADJECTIVES or not (word.isalpha() and other.isalpha()):
                continue
            if len(word) < 4 or word in VERBS or not text.is_small(word):
                continue
            if not i or text.spans[1][k][j][0][0].isupper():  # begins the sentence
                continue
            if text.is_last(k, j, i):
                verbs = [each for each in german[:j] if each in VERBS]
                is_said = len(verbs) == 1 and verbs[0] in SEIN
                if is_said and english[i - 1] in BEFORE_ADJECTIVES:
                    yield Place(k, j, i, "", (other, word))
            elif text.is_noun_at(k, j + 1) and links.get(j + 1) == i + 1:
                ending = next((x for x in LONGEST_FIRST if word.endswith(x)), None)
                if ending and len(word) - len(ending) >= 3:
                    stem = word.removesuffix(ending)
                    yield Place(k, j, i, ending, (other, stem))


def attributive_adjectives(text: Words, seed: int) -> list[Pair]:
    found = list(adjectives(text))
    forms: dict[Pair, Counter[str]] = defaultdict(Counter)
    for place in found:
        forms[place.pair][place.ending] += 1
    places: dict[str, list[Place]] = defaultdict(list)
    for place in found:
        # A form that stands alone may be no adjective.
        if forms[place.pair][""]:
            places[place.ending].append(place)
    weights = {
        ending: [text.weight(place.sentence) for place in places[ending]]
        for ending in ENDINGS
        if len(places[ending]) >= MIN_PLACES
    }

    def is_rare(pair: Pair) -> bool:
        other, stem = pair
        if stem in OF_OTHER_STEM or stem.endswith(("el", "er")):
            return False
        if len(other) < 3 or other in NO_ENDINGS or not forms[pair][""]:
            return False
        times = forms[pair].total()
        english_times = text.times[other]
        german_times = sum(text.german_times[stem + x] for x in ("", *ENDINGS))
        if times == 1 and max(english_times, german_times) <= 2:
            return True
        often = times >= 0.34 * english_times and times >= 0.25 * german_times
        return often and times <= RARE

    draw = random.Random(seed)
    made: list[Pair] = []
    seen = set(text.texts[0])
    for pair in sorted(filter(is_rare, forms)):
        other, stem = pair
        for ending, theirs in weights.items():
            for place in draw.choices(places[ending], theirs, k=EACH):
                where = place.sentence, place.german, place.english
                form = stem.removesuffix("e") + ending
                new = put_in_place(text, where, (other, form))
                if new and new[0] not in seen:
                    seen.add(new[0])
                    made.append(new)
    draw.shuffle(made)
    return made
