"""Statements as clauses of others, by the rules for German's verb."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

Pair = tuple[str, str]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


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


def read_clause(
    english: str, german: str, inner: Counter[str], verbs: Counter[str]
) -> Clause | None:
    """What a statement is as a clause; None if nobody can tell for both sides."""
    small, both = as_clause(english, inner), clause_of(english, german, verbs)
    if not (small and both):
        return None
    return Clause(small[:-1], *both, bool(PAST.search(english)))


def clauses(pairs: Sequence[Pair], count: int, seed: int) -> list[Pair]:
    """Statements as clauses of others, drawn at random."""
    inner = inner_words([one for one, _ in pairs])
    verbs = second_words([other for _, other in pairs])
    statements = [
        (one, other)
        for one, other in pairs
        if is_statement(one) and is_statement(other)
    ]
    read = (read_clause(one, other, inner, verbs) for one, other in statements)
    found = [clause for clause in read if clause]
    draw = random.Random(seed)
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

    return [one_more() for _ in range(count)]
