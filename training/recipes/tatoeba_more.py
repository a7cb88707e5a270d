"""More pairs of people's own: their sentences as clauses of longer ones, and the rare
words of some in the places of others'. For English and German alone.

    python training/recipes/tatoeba_more.py FOLDER

reads FOLDER/eng-deu.train.{eng,deu}.gz and writes FOLDER/said/{clauses,rare}.{eng,deu}.

Most of Tatoeba's sentences have five words or fewer. How longer ones are put together
has rules in German that need no parser where a clause begins with its subject: the verb
goes to the end ("Er ist krank." -> "dass er krank ist"), or changes places with the
subject behind another clause. And a word that was read twice is hardly known; in a
dozen other sentences, in the place of a word of its kind and gender, it may be learnt
(Fadaee et al. 2017, "Data Augmentation for Low-Resource Neural Machine Translation").
Which words belong together is counted: IBM's first model with a preference for the
diagonal, both ways, and what both say.
"""

import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from onnxlate.parallel_text import read_parallel

NUM_CLAUSES = 40_000
CLAUSES_SEED = 7
EXPOSURES = 20
"""How often a rare word is to be met, the times it already is included."""
RARE = 25
"""Times that a pair of words is met at most to be called so."""
MAX_WORDS = 14
"""Of a sentence that takes a rare word in."""

Pair = tuple[str, str]
Key = tuple[object, ...]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ------------------------------------------------------------------- clauses

WORD = re.compile(r"\w+(?:[.:,/@'’-]\w+)*")
INNER_MARK = re.compile(r"[.!?:;,„“\"–]")
SUBJECTS = words(
    "Ich Du Er Sie Es Wir Ihr Man Das Tom Maria Mary Dies Jeder Niemand Jemand Alles"
)
NAMES = words("Tom Maria Mary")
PREFIXES = words(
    "an ab auf aus bei ein fest her hin los mit nach vor weg zu zurück um weiter heim "
    "fort statt teil herein hinein heraus hinaus herum zusammen kennen spazieren "
    "auseinander vorbei bevor nieder durch herunter hinunter dar"
)
AUXILIARIES = words(
    "ist sind bin bist seid war waren warst wart wird werden werde wirst wurde wurden "
    "wäre wären kann können kannst könnte könnten will wollen willst wollte wollten "
    "muss müssen musst musste mussten soll sollen sollte sollten darf dürfen durfte "
    "mag mögen möchte möchten"
)
BEING = words("ist sind bin bist war waren")
HAVING = words("habe hast hat haben habt hatte hatten hattest hätte hätten")
ERSATZ = words("können müssen wollen sollen dürfen mögen lassen sehen hören helfen")
"""Infinitives that stand for participles, and keep the verb from the end."""
YOU_OR_SHE = {"she": "sie", "they": "sie", "you": "Sie"}
PAST = re.compile(r"\b(was|were|did|had|went|said|came|got|saw|took|made|\w+ed)\b")

THAT = """\
I know that {e}.|Ich weiß, dass {d}.
I know {e}.|Ich weiß, dass {d}.
Tom said that {e}.|Tom sagte, dass {d}.
Tom said {e}.|Tom sagte, dass {d}.
I think that {e}.|Ich denke, dass {d}.
I think {e}.|Ich denke, dass {d}.
I hope that {e}.|Ich hoffe, dass {d}.
I hope {e}.|Ich hoffe, dass {d}.
Do you know that {e}?|Weißt du, dass {d}?
I'm glad that {e}.|Ich bin froh, dass {d}.
I'm glad {e}.|Ich freue mich, dass {d}.
It's a pity that {e}.|Es ist schade, dass {d}.
I didn't know that {e}.|Ich wusste nicht, dass {d}.
I didn't know {e}.|Ich wusste nicht, dass {d}.
I don't think that {e}.|Ich glaube nicht, dass {d}.
I don't think {e}.|Ich glaube nicht, dass {d}.
Tom knows that {e}.|Tom weiß, dass {d}.
He says that {e}.|Er sagt, dass {d}.
She said that {e}.|Sie sagte, dass {d}.
I'm sure that {e}.|Ich bin sicher, dass {d}.
I'm sure {e}.|Ich bin mir sicher, dass {d}.
Everyone knows that {e}.|Jeder weiß, dass {d}.
I believe that {e}.|Ich glaube, dass {d}.
Do you think {e}?|Glaubst du, dass {d}?
Do you think that {e}?|Denkst du, dass {d}?
Mary told me that {e}.|Maria sagte mir, dass {d}.
Tom told Mary that {e}.|Tom sagte Maria, dass {d}.
I thought that {e}.|Ich dachte, dass {d}.
I thought {e}.|Ich dachte, dass {d}.
I'm afraid that {e}.|Ich fürchte, dass {d}.
I don't believe that {e}.|Ich glaube nicht, dass {d}.
I've heard that {e}.|Ich habe gehört, dass {d}.
It's possible that {e}.|Es ist möglich, dass {d}.
I'm happy that {e}.|Ich bin glücklich, dass {d}.
Nobody knows that {e}.|Niemand weiß, dass {d}.
It's true that {e}.|Es stimmt, dass {d}.
People say that {e}.|Man sagt, dass {d}.
Who told you that {e}?|Wer hat dir gesagt, dass {d}?
Why do you think that {e}?|Warum glaubst du, dass {d}?
I can't believe that {e}.|Ich kann nicht glauben, dass {d}.
Are you sure that {e}?|Bist du sicher, dass {d}?
We know that {e}.|Wir wissen, dass {d}.
You know that {e}.|Du weißt, dass {d}."""
WHETHER = """\
I don't know if {e}.|Ich weiß nicht, ob {d}.
I don't know whether {e}.|Ich weiß nicht, ob {d}.
Do you know if {e}?|Weißt du, ob {d}?
Tom asked me if {e}.|Tom fragte mich, ob {d}.
I wonder if {e}.|Ich frage mich, ob {d}.
I'm not sure if {e}.|Ich bin mir nicht sicher, ob {d}.
Can you tell me if {e}?|Kannst du mir sagen, ob {d}?"""
BEHIND = """\
 because {e}.|, weil {d}.
, because {e}.|, weil {d}.
 although {e}.|, obwohl {d}.
 even though {e}.|, obwohl {d}.
 if {e}.|, wenn {d}.
 before {e}.|, bevor {d}.
 since {e}.|, da {d}.
 unless {e}.|, es sei denn, dass {d}.
 until {e}.|, bis {d}.
 so that {e}.|, sodass {d}.
 while {e}.|, während {d}."""
BEFORE = """\
If {e}, {m}.|Wenn {d}, {i}.
Because {e}, {m}.|Weil {d}, {i}.
Although {e}, {m}.|Obwohl {d}, {i}.
Even though {e}, {m}.|Obwohl {d}, {i}.
Before {e}, {m}.|Bevor {d}, {i}.
Since {e}, {m}.|Da {d}, {i}.
While {e}, {m}.|Während {d}, {i}."""


class Clause(NamedTuple):
    english: str
    german: str
    """With the verb at the end."""
    inverted: str
    """With the verb before its subject."""
    past: bool


def frames(text: str) -> list[Pair]:
    return [
        (one, other) for one, _, other in (x.partition("|") for x in text.split("\n"))
    ]


def is_statement(text: str) -> bool:
    return text.endswith(".") and not INNER_MARK.search(text[:-1])


def inner_words(texts: Sequence[str]) -> Counter[str]:
    """How words are spelt where no sentence begins."""
    return Counter(word for text in texts for word in WORD.findall(text)[1:])


def second_words(german: Sequence[str]) -> Counter[str]:
    """What stands behind a subject that is nothing else: verbs."""
    plain = SUBJECTS - words("Sie Das Es")
    found = (text.split() for text in german)
    return Counter(each[1] for each in found if len(each) > 2 and each[0] in plain)


def as_clause(text: str, inner: Counter[str]) -> str | None:
    """An English statement behind other words; None if nobody can tell."""
    first = WORD.match(text)
    if not first or first[0] == "I" or first[0].startswith("I'"):
        return text if first else None
    small = first[0][0].lower() + first[0][1:]
    as_it_is, as_small = inner[first[0]], inner[small]
    if as_small >= 10 * max(as_it_is, 1):
        return small + text[first.end() :]
    return text if as_it_is >= 10 * max(as_small, 1) else None


def clause_of(english: str, german: str, verbs: Counter[str]) -> tuple[str, str] | None:
    """A German statement with its verb at the end, and with it before its subject."""
    subject, *others = german[:-1].split()
    if not others or subject not in SUBJECTS:
        return None
    verb, *rest = others
    known = verb.isalpha() and verb[0].islower() and verbs[verb] >= 3
    if not known or (subject == "Das" and verb not in AUXILIARIES | HAVING):
        return None
    first = re.split(r"[\s'’]", english.lower())[0]
    said = YOU_OR_SHE.get(first, "") if subject == "Sie" else subject
    if subject not in NAMES and subject != "Sie":
        said = subject.lower()
    ersatz = len(rest) > 1 and rest[-1] in ERSATZ and rest[-2].endswith("en")
    if not said or (verb in HAVING and ersatz):
        return None
    inverted = " ".join([verb, said, *rest])
    if not rest or rest[-1] not in PREFIXES:
        return " ".join([said, *rest, verb]), inverted
    if verb not in AUXILIARIES:
        return " ".join([said, *rest[:-1], rest[-1] + verb]), inverted
    return (" ".join([said, *rest, verb]), inverted) if verb in BEING else None


def clauses(english: Sequence[str], german: Sequence[str]) -> list[Pair]:
    """Statements as clauses of others, drawn at random."""
    inner, verbs = inner_words(english), second_words(german)
    statements = [
        (one, other)
        for one, other in zip(english, german, strict=True)
        if is_statement(one) and is_statement(other)
    ]
    found: list[Clause] = []
    for one, other in statements:
        small, both = as_clause(one, inner), clause_of(one, other, verbs)
        if small and both:
            found.append(Clause(small[:-1], *both, bool(PAST.search(one))))
    draw = random.Random(CLAUSES_SEED)
    that, whether = frames(THAT), frames(WHETHER)
    behind, before = frames(BEHIND), frames(BEFORE)

    def one_more() -> Pair:
        clause, which = found[draw.randrange(len(found))], draw.random()
        when = "als" if clause.past else "wenn"
        if which < 0.45:
            one, other = draw.choice(that if which < 0.35 else whether)
            return one.format(e=clause.english), other.format(d=clause.german)
        if which < 0.75:
            first = statements[draw.randrange(len(statements))]
            is_when = draw.random() < 0.25
            one, other = (
                (" when {e}.", f", {when} {{d}}.") if is_when else draw.choice(behind)
            )
            return (
                first[0][:-1] + one.format(e=clause.english),
                first[1][:-1] + other.format(d=clause.german),
            )
        second = found[draw.randrange(len(found))]
        is_when = draw.random() < 0.3
        one, other = (
            ("When {e}, {m}.", f"{when.capitalize()} {{d}}, {{i}}.")
            if is_when
            else draw.choice(before)
        )
        return (
            one.format(e=clause.english, m=second.english),
            other.format(d=clause.german, i=second.inverted),
        )

    return [one_more() for _ in range(NUM_CLAUSES)]


# ---------------------------------------------------------------- rare words

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

    def __init__(self, english: Sequence[str], german: Sequence[str]) -> None:
        self.texts = english, german
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
            capital = self.spans[1][k][j][0][0].isupper()
            if not (j and capital and self.is_noun(noun)):
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
            if not self.spans[1][k][j][0][0].isupper():
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

    def met_once(self, other: str, word: str) -> bool:
        rare = self.times[other] <= 2 and self.german_times[word] <= 2
        return self.pairs[other, word] == 1 and rare

    def belong_together(self, other: str, word: str) -> bool:
        times = self.pairs[other, word]
        often = times >= 0.4 * max(self.times[other], self.german_times[word])
        return self.met_once(other, word) or (times >= 2 and often)


def is_plural(word: str) -> bool:
    return (word.endswith("s") and not word.endswith("ss")) or word in PLURALS


def rare_words(english: Sequence[str], german: Sequence[str]) -> list[Pair]:
    """Sentences with rare words in the places of others of their kind."""
    text = Words(english, german)
    places: dict[Key, list[tuple[int, int, int]]] = defaultdict(list)
    rare: dict[Key, set[Pair]] = defaultdict(set)
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
        if good and times <= RARE and (clear or not text.met_once(*pair)):
            rare[kind].add(pair)
    draw = random.Random(1)
    made: list[Pair] = []
    seen = set(english)
    lengths = [len(each.split()) for each in english]
    for kind, pairs in rare.items():
        if len(places[kind]) < 8:
            continue
        # Longer sentences first, for most are short.
        weights = [
            max(1, lengths[k] - 2) ** 1.5 if lengths[k] <= MAX_WORDS else 0
            for k, _, _ in places[kind]
        ]
        for pair in sorted(pairs):
            wanted = max(2, EXPOSURES - text.pairs[pair])
            for place in draw.choices(places[kind], weights, k=wanted):
                new = _in_place(text, place, pair)
                if new and new[0] not in seen:
                    seen.add(new[0])
                    made.append(new)
    draw.shuffle(made)
    return made


def _in_place(text: Words, place: tuple[int, int, int], pair: Pair) -> Pair | None:
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


# ------------------------------------------------------------------- the files


def main(folder: Path) -> None:
    english, german = read_parallel(
        *(folder / f"eng-deu.train.{x}.gz" for x in ("eng", "deu"))
    )
    (folder / "said").mkdir(exist_ok=True)
    for name, pairs in (
        ("clauses", clauses(english, german)),
        ("rare", rare_words(english, german)),
    ):
        for side, suffix in enumerate(("eng", "deu")):
            text = "".join(f"{pair[side]}\n" for pair in pairs)
            (folder / f"said/{name}.{suffix}").write_text(text, encoding="utf-8")
        print(f"{name}: {len(pairs):,} pairs")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
