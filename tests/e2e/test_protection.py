"""Sentences with URLs, numbers and placeholders through a real server and its model."""

from collections.abc import Iterator
from random import Random

import pytest

from benchmarks.protection.inserting import Inserted, inserted
from onnxlate import Client
from onnxlate.answer import ItemKind
from onnxlate.local_server import LocalServer
from onnxlate_serving.server import DEFAULT_BUNDLE

SENTENCES = """\
I would like a cup of coffee, please.|Ich hätte gerne eine Tasse Kaffee.
My name is Anna and I live in Berlin.|Ich heiße Anna und ich wohne in Berlin.
If I had money, I would buy a house.|Wenn ich Geld hätte, würde ich ein Haus kaufen.
Tom and Anna have two dogs and a cat.|Tom und Anna haben zwei Hunde und eine Katze.
Where is the train station?|Wo ist der Bahnhof?
It's raining, and I forgot my umbrella.|Es regnet, und ich habe meinen Schirm vergessen.
Tom wants to know when we will come back.|Tom will wissen, wann wir zurückkommen.
She has been waiting for ten minutes.|Sie wartet seit zehn Minuten.
Don't tell Tom what I said!|Sag Tom nicht, was ich gesagt habe!
We talked about it for a long time.|Wir haben lange darüber gesprochen."""
ROUNDS = 20
"""Each sentence's, with other items at other places."""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with LocalServer(DEFAULT_BUNDLE) as server, Client(server.address) as client:
        yield client


def sentences() -> list[Inserted]:
    random = Random(6)
    pairs = [line.partition("|") for line in SENTENCES.splitlines()]
    return [
        inserted(source, reference, random)
        for _ in range(ROUNDS)
        for source, _, reference in pairs
    ]


def test_two_hundred_sentences_keep_everything_exactly_once(client: Client) -> None:
    tried = sentences()
    assert len(tried) == 200

    found = list(client.translate([each.source for each in tried], protect=True))

    for sentence, translation in zip(tried, found, strict=True):
        reported = [
            each.source.of(sentence.source) for each in translation.protected_items
        ]
        for item in sentence.items:
            assert item.text in reported
            assert translation.text.count(item.text) == sentence.source.count(item.text)
        for each in translation.protected_items:
            assert each.kept
            assert each.target
            assert each.target.of(translation.text) == each.source.of(sentence.source)


def test_without_protection_the_model_does_not_keep_them(client: Client) -> None:
    """Or the other test would say nothing."""
    tried = sentences()[:20]

    found = list(client.translate([each.source for each in tried], protect=False))

    lost = [
        item.text
        for sentence, translation in zip(tried, found, strict=True)
        for item in sentence.items
        if item.text not in translation.text
    ]
    assert len(lost) > len(tried) / 2
    assert not any(each.protected_items for each in found)


def test_what_the_tokens_leave_no_room_for_is_reported_as_lost(client: Client) -> None:
    [found] = client.translate(
        ["I think we should go and see {place} now."],
        protect=True,
        max_target_tokens=2,
    )

    [item] = found.protected_items
    assert item.kind is ItemKind.PLACEHOLDER
    assert not item.kept
    assert item.reason == "the translation ended at 2 tokens"


def test_answers_do_not_depend_on_who_is_beside(client: Client) -> None:
    sources = [each.source for each in sentences()[:30]]

    together = [each.text for each in client.translate(sources, protect=True)]
    alone = [
        each.text
        for source in reversed(sources)
        for each in client.translate([source], protect=True)
    ]

    assert together == alone[::-1]


def test_a_stream_says_what_a_call_says(client: Client) -> None:
    text = "Please send {count} letters to tom@example.org today."

    pieces = list(client.stream(text, protect=True))

    [whole] = client.translate([text], protect=True)
    assert "".join(map(str, pieces)) == whole.text
    assert "tom@example.org" in whole.text
