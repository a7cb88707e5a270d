"""Rare words in the places of others of their gender and number."""

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .clauses import Pair, words

MAX_WORDS = 14
"""Of a sentence that takes a rare word in."""

Key = tuple[object, ...]


TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
GENDERS = {
    "m": words("einen meinen deinen seinen ihren unseren keinen diesen jeden den"),
    "f": words(
        "eine meine deine seine ihre unsere keine diese jede einer meiner dieser zur "
        "die"
    ),
    "n": words("das dieses ins jedes"),
}
"""What stands before nouns of one gender alone, in the singular."""
MASCULINE_OR_NEUTER = words("ein dem mein im zum am")
PLURALS = words("people children men women teeth feet mice police clothes fish")
SEIN = words("ist sind bin bist war waren warst seid sei sein wäre")
MODALS = words(
    "kann kannst können könnt könnte will willst wollen wollte wollten muss musst "
    "müssen musste mussten soll sollte sollten sollst darf darfst möchte möchten "
    "möchtest werde wirst wird werden würde würden lass lasst konnte konnten"
)
HABEN = words("habe hast hat haben habt hatte hatten")
VERBS = SEIN | MODALS | HABEN | words("wurde wurden worden")
BEFORE_ADJECTIVES = words(
    "is are was were i'm you're he's she's it's that's we're they're tom's very so too "
    "really not isn't wasn't aren't weren't be quite pretty all always still never am "
    "mary's"
)
BEFORE_INFINITIVES = words(
    "to can can't will won't must should could couldn't would i'll you'll he'll she'll "
    "we'll they'll shouldn't cannot may might"
)
BEFORE_PARTICIPLES = words("have has had i've you've we've they've haven't hasn't")
BEFORE_OBJECTS = words(
    "the a an my your his her it him me you us them this that tom our their mary those "
    "these"
)

Tokens = list[list[str]]


def linked(source: Tokens, target: Tokens, rounds: int = 6) -> list[list[int | None]]:
    """Of each target word, its likeliest source word's place: IBM's first model."""
    table: dict[Pair, float] = defaultdict(lambda: 1e-3)
    near: dict[tuple[int, int, int], list[float]] = {}

    def chances(s: list[str], t: list[str], j: int) -> list[float]:
        key = len(s), len(t), j
        if key not in near:
            near[key] = [
                math.exp(-4 * abs(i / len(s) - j / len(t))) for i in range(len(s))
            ]
        return [table[word, t[j]] * p for word, p in zip(s, near[key], strict=True)]

    for _ in range(rounds):
        counts: dict[Pair, float] = defaultdict(float)
        totals: dict[str, float] = defaultdict(float)
        for s, t in zip(source, target, strict=True):
            for j, word in enumerate(t):
                shares = chances(s, t, j)
                total = sum(shares) + 1e-7
                for other, share in zip(s, shares, strict=True):
                    counts[other, word] += share / total
                    totals[other] += share / total
        kept = {
            key: count / (totals[key[0]] + 0.05)
            for key, count in counts.items()
            if count > 1e-4
        }
        table = defaultdict(lambda: 1e-9, kept)
    found: list[list[int | None]] = []
    for s, t in zip(source, target, strict=True):
        row: list[int | None] = []
        for j in range(len(t)):
            shares = chances(s, t, j)
            best = max(range(len(s)), key=shares.__getitem__)
            row.append(best if shares[best] > 1e-3 else None)
        found.append(row)
    return found


class Words:
    """The pairs' words, and which of them belong together."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.texts = tuple([pair[side] for pair in pairs] for side in (0, 1))
        self.spans = tuple(
            [list(TOKEN.finditer(text)) for text in side] for side in self.texts
        )
        self.english, self.german = (
            [[token[0].lower() for token in each] for each in side]
            for side in self.spans
        )
        there = linked(self.english, self.german)
        back = linked(self.german, self.english)
        self.links = [
            {j: i for j, i in enumerate(one) if i is not None and other[i] == j}
            for one, other in zip(there, back, strict=True)
        ]
        """German place -> English place, as both directions say."""
        self.times = Counter(word for each in self.english for word in each)
        self.german_times = Counter(word for each in self.german for word in each)
        self.pairs = Counter(
            (self.english[k][i], self.german[k][j]) for k, j, i in self.places()
        )
        self._inner: Counter[str] = Counter()
        self._capital: Counter[str] = Counter()
        for tokens in self.spans[1]:
            for before, token in pairwise(tokens):
                if before[0] not in '.!?„“"':
                    self._inner[token[0].lower()] += 1
                    self._capital[token[0].lower()] += token[0][0].isupper()
        self._genders = self._count_genders()

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Sentence, German place and English place of each link."""
        for k, links in enumerate(self.links):
            for j, i in links.items():
                yield k, j, i

    def is_noun(self, word: str) -> bool:
        inner = self._inner[word]
        return inner > 0 and self._capital[word] > 0.9 * inner

    def is_noun_at(self, k: int, j: int) -> bool:
        """And spelt as one."""
        spans = self.spans[1][k]
        return (
            j < len(spans)
            and self.is_noun(self.german[k][j])
            and spans[j][0][0].isupper()
        )

    def is_small(self, word: str) -> bool:
        inner = self._inner[word]
        return inner > 0 and self._capital[word] <= 0.1 * inner

    def gender(self, noun: str) -> str | None:
        likeliest = self._genders[noun].most_common(2)
        clear = len(likeliest) < 2 or likeliest[1][1] <= 0.6 * likeliest[0][1]
        return likeliest[0][0] if likeliest and clear else None

    def _count_genders(self) -> dict[str, Counter[str]]:
        """By what stands before a noun in the singular."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for k, j, i in self.places():
            noun = self.german[k][j]
            if not (j and self.is_noun_at(k, j)):
                continue
            if is_plural(self.english[k][i]):
                continue
            before = self.german[k][j - 1]
            for gender, determiners in GENDERS.items():
                if before in determiners:
                    found[noun][gender] += 2
            both = "mf" if before == "der" else "mn"
            if before == "der" or before in MASCULINE_OR_NEUTER:
                for gender in both:
                    found[noun][gender] += 1
        return found

    def kind(self, k: int, j: int, i: int) -> Key | None:
        """What another word must be to stand in the place of this one."""
        german, english = self.german[k], self.english[k]
        word, other = german[j], english[i]
        if not word.isalpha() or not re.fullmatch("[a-z]+", other) or not j:
            return None
        if len(word) < 3 or len(other) < 3:
            return None
        before = english[i - 1] if i else ""
        behind = english[i + 1] if i + 1 < len(english) else "."
        if self.is_noun(word):
            if not self.is_noun_at(k, j):
                return None
            if self.spans[0][k][i][0][0].isupper():  # a name
                return None
            article = german[j - 1]
            if is_plural(other):
                return ("plural", article) if article not in (".", ",") else None
            gender = self.gender(word)
            return ("singular", gender) if gender and article != "des" else None
        last = j + 1 < len(german) and german[j + 1] in ".!?"
        verbs = [each for each in german[:j] if each in VERBS]
        if not self.is_small(word) or not last or len(verbs) != 1:
            return None
        end = (
            "end" if behind in ".!?" else "object" if behind in BEFORE_OBJECTS else None
        )
        if verbs[0] in SEIN and before in BEFORE_ADJECTIVES and behind in ".!?":
            return ("adjective",)
        if verbs[0] in MODALS and word.endswith("n") and german[j - 1] != "zu":
            return ("infinitive", end) if before in BEFORE_INFINITIVES and end else None
        if verbs[0] in HABEN and end:
            return "participle", end, before in BEFORE_PARTICIPLES
        return None

    def is_last(self, k: int, j: int, i: int) -> bool:
        """Whether the sentence ends behind it, on both sides."""
        ends = self.german[k][j + 1 : j + 2], self.english[k][i + 1 : i + 2]
        return all(end and end[0] in ".!?" for end in ends)

    def weight(self, k: int) -> float:
        """How likely a sentence takes a word in: longer ones, for most are short."""
        length = len(self.texts[0][k].split())
        return max(1, length - 2) ** 1.5 if length <= MAX_WORDS else 0

    def met_once(self, other: str, word: str) -> bool:
        rare = self.times[other] <= 2 and self.german_times[word] <= 2
        return self.pairs[other, word] == 1 and rare

    def belong_together(self, other: str, word: str) -> bool:
        times = self.pairs[other, word]
        often = times >= 0.4 * max(self.times[other], self.german_times[word])
        return self.met_once(other, word) or (times >= 2 and often)


def is_plural(word: str) -> bool:
    return (word.endswith("s") and not word.endswith("ss")) or word in PLURALS


def rare_words(text: Words, seed: int, exposures: int, rare: int) -> list[Pair]:
    """Sentences with rare words in the places of others of their kind.

    A pair of words is rare if it is met `rare` times at most, and then it comes
    `exposures` times, those included.
    """
    places: dict[Key, list[tuple[int, int, int]]] = defaultdict(list)
    wanted: dict[Key, set[Pair]] = defaultdict(set)
    for k, j, i in text.places():
        kind = text.kind(k, j, i)
        if not kind:
            continue
        pair = text.english[k][i], text.german[k][j]
        good = text.belong_together(*pair)
        times = text.pairs[pair]
        if not good and (times < 3 or times < 0.25 * text.times[pair[0]]):
            continue
        places[kind].append((k, j, i))
        # What was met once is only believed where all the rest is accounted for.
        clear = (
            len(text.english[k]) <= 8 and len(text.links[k]) >= len(text.german[k]) - 1
        )
        if good and times <= rare and (clear or not text.met_once(*pair)):
            wanted[kind].add(pair)
    draw = random.Random(seed)
    made: list[Pair] = []
    seen = set(text.texts[0])
    for kind, pairs in wanted.items():
        if len(places[kind]) < 8:
            continue
        weights = [text.weight(k) for k, _, _ in places[kind]]
        for pair in sorted(pairs):
            more = max(2, exposures - text.pairs[pair])
            for place in draw.choices(places[kind], weights, k=more):
                new = put_in_place(text, place, pair)
                if new and new[0] not in seen:
                    seen.add(new[0])
                    made.append(new)
    draw.shuffle(made)
    return made


def put_in_place(text: Words, place: tuple[int, int, int], pair: Pair) -> Pair | None:
    k, j, i = place
    other, word = pair
    here, there = text.spans[0][k][i], text.spans[1][k][j]
    if here[0].lower() == other:
        return None
    said = word.capitalize() if text.is_noun(word) else word
    english, german = text.texts[0][k], text.texts[1][k]
    english = english[: here.start()] + other + english[here.end() :]
    german = german[: there.start()] + said + german[there.end() :]
    article = "n " if other[0] in "aeiou" else " "
    pattern = rf"\b([Aa])n? (?={other}\b)"
    return re.sub(pattern, lambda match: match[1] + article, english), german
