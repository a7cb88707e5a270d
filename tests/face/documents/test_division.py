"""Where the words of a translation go."""

from hypothesis import given
from hypothesis import strategies as st

from onnxlate.answer import AlignmentLink, Span
from onnxlate.documents.division import divided
from onnxlate.documents.worth import Place


def links(source: str, target: str, *pairs: tuple[str, str]) -> list[AlignmentLink]:
    def span(text: str, word: str) -> Span:
        return Span(text.index(word), text.index(word) + len(word))

    return [AlignmentLink(span(source, a), span(target, b), 1.0) for a, b in pairs]


EATEN = [Place("He has "), Place("eaten", "bold"), Place(" the apple.")]


def test_a_format_follows_its_word_to_wherever_the_word_goes() -> None:
    target = "Er hat den Apfel gegessen."
    known = links(
        "He has eaten the apple.",
        target,
        *[("He", "Er"), ("has", "hat"), ("eaten", "gegessen")],
        *[("the", "den"), ("apple", "Apfel")],
    )

    pieces = divided(target, EATEN, known)

    assert pieces == ["Er hat den Apfel ", "gegessen", "."]


def test_without_links_pieces_are_as_long_as_those_of_the_source() -> None:
    places = [Place("one two three "), Place("four"), Place(" five six seven")]

    pieces = divided("eins zwei drei vier fünf sechs sieben", places)

    assert pieces == ["eins zwei drei ", "vier", " fünf sechs sieben"]


def test_numbers_keep_their_places() -> None:
    places = [Place("Page ", 1), Place("1", 2), Place(" of ", 1), Place("37", 2)]

    assert divided("Diese ist Seite 1 von 37", places) == [
        *("Diese ist Seite ", "1", " von ", "37")
    ]


def test_lines_are_rather_cut_behind_commas() -> None:
    places = [
        Place("I waited there, ", needed=True),
        Place("nobody came.", needed=True),
    ]

    assert divided("Ich wartete, aber es kam niemand.", places) == [
        *("Ich wartete, ", "aber es kam niemand.")
    ]


def test_no_line_stays_empty_while_there_are_words() -> None:
    places = [Place(text, needed=True) for text in ("a ", "a long, long line ", "b")]

    assert all(piece.strip() for piece in divided("eins zwei drei", places))


def test_languages_without_blanks_are_cut_too() -> None:
    pieces = divided(
        "彼はりんごを食べました。", [Place("He ate "), Place("the apple.")]
    )

    assert all(pieces)


@given(
    st.text(max_size=40),
    st.lists(st.builds(Place, st.text(max_size=10), st.integers(0, 2)), min_size=1),
)
def test_the_pieces_are_the_translation(target: str, places: list[Place]) -> None:
    pieces = divided(target, places)

    assert "".join(pieces) == target
    assert len(pieces) == len(places)
