"""German's rules beyond clauses with conjunctions: infinitives with "zu", what stands
before the verb in its subject's place, and clauses about a noun."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .clauses import (
    PREFIXES,
    SUBJECTS,
    WORD,
    Clause,
    Pair,
    frames,
    inner_words,
    is_statement,
    read_clause,
    second_words,
    words,
)
from .rare_words import Words, is_plural

NUM_INFINITIVES = 18_000
NUM_INVERTED = 12_000
NUM_RELATIVE = 10_000


MODALS = words(
    "kann können kannst könnte könnten will wollen willst wollte wollten muss müssen "
    "musst musste mussten soll sollen sollte sollten darf dürfen möchte möchten werde "
    "wird werden würde würden"
)
ENGLISH_INFINITIVE = re.compile(
    r"^(?:I|You|He|She|We|They|Tom|Mary)"
    r"(?:'ll|'d like to| want to| wants to| wanted to| have to| has to| had to"
    r"| need to| needs to| can| could| can't| couldn't| will| won't| must| should"
    r"| would| would like to| may) (?!not |be able)(.+)\.$"
)
NOT_IN_INFINITIVES = words(
    "nicht kein keine keinen nie schon mal gern gerne zu und haben sein "
    "mich dich sich uns euch mir dir"
)
"""Words whose place or form another subject or another verb would change."""
NOT_LAST = words("haben sein werden worden können müssen")
UNCLEAR_PREFIXES = words("um durch weiter hin her vor teil dar bevor nieder zu")
"""Which also stand before verbs that keep them."""
ALL_PREFIXES = sorted(PREFIXES | {"fern"}, key=lambda each: (-len(each), each))

ZU = """\
It's easy to {e}.|Es ist einfach, {d}.
It's hard to {e}.|Es ist schwer, {d}.
It's not easy to {e}.|Es ist nicht einfach, {d}.
It's important to {e}.|Es ist wichtig, {d}.
It's dangerous to {e}.|Es ist gefährlich, {d}.
It's impossible to {e}.|Es ist unmöglich, {d}.
It's time to {e}.|Es ist Zeit, {d}.
It was a mistake to {e}.|Es war ein Fehler, {d}.
It was difficult to {e}.|Es war schwierig, {d}.
I try to {e}.|Ich versuche, {d}.
I tried to {e}.|Ich versuchte, {d}.
Tom tried to {e}.|Tom hat versucht, {d}.
She tries to {e}.|Sie versucht, {d}.
He began to {e}.|Er begann, {d}.
Tom began to {e}.|Tom fing an, {d}.
I forgot to {e}.|Ich habe vergessen, {d}.
Tom forgot to {e}.|Tom vergaß, {d}.
Don't forget to {e}.|Vergiss nicht, {d}.
I decided to {e}.|Ich habe beschlossen, {d}.
Tom decided to {e}.|Tom beschloss, {d}.
We decided to {e}.|Wir haben beschlossen, {d}.
I hope to {e}.|Ich hoffe, {d}.
I promised to {e}.|Ich habe versprochen, {d}.
He promised to {e}.|Er versprach, {d}.
I don't have time to {e}.|Ich habe keine Zeit, {d}.
I don't have enough money to {e}.|Ich habe nicht genug Geld, um {d}.
He is too young to {e}.|Er ist zu jung, um {d}.
I'm too tired to {e}.|Ich bin zu müde, um {d}.
Tom is old enough to {e}.|Tom ist alt genug, um {d}.
She isn't strong enough to {e}.|Sie ist nicht stark genug, um {d}.
I came here to {e}.|Ich bin hierhergekommen, um {d}.
Tom went home to {e}.|Tom ging nach Hause, um {d}.
He went to Boston to {e}.|Er ist nach Boston gegangen, um {d}.
What do I have to do to {e}?|Was muss ich tun, um {d}?
Do you have time to {e}?|Hast du Zeit, {d}?
Are you ready to {e}?|Bist du bereit, {d}?
I'm ready to {e}.|Ich bin bereit, {d}.
Tom asked me to {e}.|Tom bat mich, {d}.
He told me to {e}.|Er sagte mir, ich solle {b}.
She told Tom to {e}.|Sie sagte Tom, er solle {b}.
I'm not in the mood to {e}.|Ich habe keine Lust, {d}.
You need to learn how to {e}.|Du musst lernen, {d}.
Let's {e}.|Lasst uns {b}.
Can you {e}?|Kannst du {b}?
Could you {e}, please?|Könnten Sie bitte {b}?
Do you want to {e}?|Möchtest du {b}?
I'd like to {e}.|Ich würde gern {b}.
Tom would like to {e}.|Tom würde gerne {b}.
We're going to {e}.|Wir werden {b}.
Is it possible to {e}?|Ist es möglich, {d}?
Who's going to {e}?|Wer wird {b}?
Are you going to {e}?|Wirst du {b}?
I'm going to {e} tomorrow.|Ich werde morgen {b}.
Nobody wants to {e}.|Niemand will {b}.
Why do you want to {e}?|Warum willst du {b}?
Will you be able to {e}?|Wirst du {b} können?
You'll have to {e}.|Du wirst {b} müssen."""
"""{d} is the infinitive with "zu", {b} without."""
FIRST = """\
Unfortunately, {e}.|Leider {i}.
Maybe {e}.|Vielleicht {i}.
Perhaps {e}.|Vielleicht {i}.
Of course {e}.|Natürlich {i}.
Now {e}.|Jetzt {i}.
Sometimes {e}.|Manchmal {i}.
Then {e}.|Dann {i}.
Today {e}.|Heute {i}.
At the moment {e}.|Im Moment {i}.
In fact, {e}.|Tatsächlich {i}.
Fortunately, {e}.|Zum Glück {i}.
Luckily, {e}.|Zum Glück {i}.
Usually {e}.|Normalerweise {i}.
In Boston {e}.|In Boston {i}.
Actually, {e}.|Eigentlich {i}.
Probably {e}.|Wahrscheinlich {i}.
As you know, {e}.|Wie du weißt, {i}.
In my opinion, {e}.|Meiner Meinung nach {i}.
That's why {e}.|Deshalb {i}.
Apparently {e}.|Anscheinend {i}.
Here {e}.|Hier {i}."""
FIRST_OF_THE_PAST = """\
Yesterday {e}.|Gestern {i}.
Last night {e}.|Gestern Abend {i}.
Last week {e}.|Letzte Woche {i}.
Last year {e}.|Letztes Jahr {i}.
Three days ago {e}.|Vor drei Tagen {i}.
In 2013 {e}.|Im Jahre 2013 {i}.
Back then {e}.|Damals {i}.
Suddenly {e}.|Plötzlich {i}.
When I was young, {e}.|Als ich jung war, {i}.
One day {e}.|Eines Tages {i}.
On Monday {e}.|Am Montag {i}.
This morning {e}.|Heute Morgen {i}."""

PERSONS = words(
    "man woman girl boy friend teacher doctor child sister brother son daughter uncle "
    "aunt wife husband student neighbor cousin guy person lawyer nurse boss father "
    "mother lady actor actress singer writer grandfather grandmother girlfriend "
    "boyfriend"
)
DETERMINERS = words(
    "ein eine einen einem einer der die das den dem mein meine meinen meinem meiner "
    "diese dieser diesen diesem dieses kein keine keinen zum zur im vom am jeden jede "
    "sein seine seinen ihr ihre ihren ihrem deine deinen deinem"
)
THIRD_PERSON = words("Er Sie Es Tom Maria Mary")
ABOUT_THE_SUBJECT = words(
    "sich sein seine seinen seiner seinem ihr ihre ihren ihrer ihrem"
)
"""What would have to be of the noun's gender."""
PRONOUNS = {"m": "der", "f": "die", "n": "das"}


class Infinitive(NamedTuple):
    english: str
    with_zu: str
    bare: str


class About(NamedTuple):
    """A clause without its subject."""

    subject: str
    english: str
    german: str


class Head(NamedTuple):
    """A sentence that ends in a noun."""

    english: str
    german: str
    gender: str
    noun: str


def with_zu(infinitive: str, times: Counter[str]) -> str | None:
    """As German says it; None if nobody can tell."""
    for prefix in ALL_PREFIXES:
        verb = infinitive.removeprefix(prefix)
        if verb == infinitive or len(verb) < 4:
            continue
        apart = f"{prefix}zu{verb}"
        if times[apart] or (prefix not in UNCLEAR_PREFIXES and times[verb]):
            return apart
        return None
    return f"zu {infinitive}"


def infinitives(english: Sequence[str], german: Sequence[str]) -> list[Infinitive]:
    """Behind modal verbs."""
    times = Counter(word.lower() for text in german for word in WORD.findall(text))
    found = []
    for one, other in zip(english, german, strict=True):
        match = ENGLISH_INFINITIVE.match(one)
        if not match or not is_statement(other) or " and " in one:
            continue
        subject, *others = other[:-1].split()
        if subject not in SUBJECTS or len(others) < 2 or others[0] not in MODALS:
            continue
        *rest, last = others[1:]
        if not last.endswith("n") or not last[0].islower() or last in NOT_LAST:
            continue
        if NOT_IN_INFINITIVES.intersection(rest):
            continue
        said = with_zu(last, times)
        if said:
            found.append(
                Infinitive(match[1], " ".join([*rest, said]), " ".join([*rest, last]))
            )
    return found


def clauses_and_what_is_about_others(
    english: Sequence[str], german: Sequence[str]
) -> tuple[list[Clause], list[About]]:
    inner, verbs = inner_words(english), second_words(german)
    clauses, about = [], []
    for one, other in zip(english, german, strict=True):
        if not (is_statement(one) and is_statement(other)):
            continue
        said = other[:-1].split()
        if {"und", "zu"}.intersection(said):
            continue
        read = read_clause(one, other, inner, verbs)
        if not read:
            continue
        clauses.append(read)
        match = re.match(r"(He|She|It|Tom|Mary)('s| )(.+)\.$", one)
        if not match or said[0] not in THIRD_PERSON:
            continue
        if ABOUT_THE_SUBJECT.intersection(said[1:]) or re.search("(him|her)self", one):
            continue
        if said[0] == "Es" and said[1] not in ("ist", "war", "hat", "hatte"):
            continue
        subject, *clause = read.german.split()
        if subject.lower() == said[0].lower():
            about.append(About(match[1], match[2] + match[3], " ".join(clause)))
    return clauses, about


def heads(text: Words) -> list[Head]:
    found = []
    for k, (one, other) in enumerate(zip(*text.texts, strict=True)):
        english, german = text.english[k], text.german[k]
        if not (is_statement(one) and is_statement(other)):
            continue
        if len(english) < 4 or len(german) < 4 or german[-3] not in DETERMINERS:
            continue
        i, j = len(english) - 2, len(german) - 2
        if text.links[k].get(j) != i or not text.is_noun(german[j]):
            continue
        is_name = text.spans[0][k][i][0][0].isupper()
        gender = text.gender(german[j])
        if gender and not is_name and not is_plural(english[i]):
            found.append(Head(one[:-1], other[:-1], gender, english[i]))
    return found


def phrases(text: Words, seed: int) -> list[Pair]:
    english, german = text.texts
    draw = random.Random(seed)
    made: list[Pair] = []

    found = infinitives(english, german)
    zu = frames(ZU)
    for _ in range(NUM_INFINITIVES):
        infinitive, (one, other) = draw.choice(found), draw.choice(zu)
        made.append(
            (
                one.format(e=infinitive.english),
                other.format(d=infinitive.with_zu, b=infinitive.bare),
            )
        )

    clauses, about = clauses_and_what_is_about_others(english, german)
    first, first_of_the_past = frames(FIRST), frames(FIRST_OF_THE_PAST)
    for _ in range(NUM_INVERTED):
        clause = draw.choice(clauses)
        past = clause.past and draw.random() < 0.7
        one, other = draw.choice(first_of_the_past if past else first)
        made.append((one.format(e=clause.english), other.format(i=clause.inverted)))

    nouns = heads(text)
    persons = [head for head in nouns if head.noun in PERSONS]
    things = [head for head in nouns if head.noun not in PERSONS]
    about_persons = [each for each in about if each.subject != "It"]
    for _ in range(NUM_RELATIVE):
        if draw.random() < 0.5:
            head, its, who = draw.choice(persons), draw.choice(about_persons), "who"
        else:
            head, its = draw.choice(things), draw.choice(about)
            who = draw.choice(("that", "which"))
        made.append(
            (
                f"{head.english} {who}{its.english}.",
                f"{head.german}, {PRONOUNS[head.gender]} {its.german}.",
            )
        )
    draw.shuffle(made)
    return made
