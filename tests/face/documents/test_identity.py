"""A translator who repeats gives every file back, byte for byte."""

import csv
import io
import json
import zipfile

import polib
import pytest
from docx import Document as WordDocument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onnxlate.documents import Settings
from onnxlate.documents.parts import MAX_PART_BYTES, Joint, parts

from .voices import answered

# Every character that can be sent; and the troublesome ones rather often.
TROUBLE = st.sampled_from(
    list("\t\r\n \"'<>&{}[]();,.-#|~*_`\\/%\u00a0\u2028\u3000aé中🙂")
)
CHARACTERS = st.one_of(TROUBLE, st.characters(exclude_categories=["Cs"]))
TEXTS = st.text(CHARACTERS, max_size=60)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30)
MARKS = st.sampled_from([b"", b"\xef\xbb\xbf"])
NAMES = st.sampled_from(["x.txt", "x.md", "x.html"])


@given(NAMES, MARKS, TEXTS)
def test_texts_and_pages(name: str, mark: bytes, text: str) -> None:
    data = mark + text.removeprefix("\ufeff").encode()

    assert answered(name, data) == data


PARAGRAPHS = (
    "One sentence.\n\n",
    "* a list\n* of two\n\n",
    "```\ncode\n\nmore code\n```\n\n",
    "<p>Some <b>words</b> &amp; more.</p>\r\n",
    "<script>if (a < b) { '</p>' }</script>",
    "<div translate=no><p>Kept.</p></div>\n",
    "中文。" * 50 + "\n\n",
    "x" * 700,
    "<table><tr><td>cell</table>",
    "<pre>\n\n</pre>",
    "\r\n\r\n",
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(NAMES, st.lists(st.sampled_from(PARAGRAPHS), min_size=1, max_size=60))
def test_files_that_are_cut(name: str, paragraphs: list[str]) -> None:
    once = "".join(paragraphs).encode()
    data = once * (2 * MAX_PART_BYTES // len(once) + 1)

    assert answered(name, data) == data


@given(TEXTS, st.lists(st.integers(1, 60)), st.integers(1, 100), st.integers(1, 80))
def test_parts_are_the_text(
    text: str, places: list[int], times: int, wanted: int
) -> None:
    text *= times
    joints = [Joint(at, depth=at % 3) for at in sorted({*places}) if at < len(text)]

    copied = [(joint.at, joint.at + 1) for joint in joints[::2]]
    found = parts(text, joints, wanted, copied)

    assert "".join(part.text for part in found) == text
    assert all(part.text for part in found)
    assert sum(part.copied for part in found) == len(copied)


def test_a_block_that_no_server_takes_is_cut_at_sentences() -> None:
    text = "A sentence of six words stands. " * 5000

    found = [part.text for part in parts(text, [], 1000)]

    assert "".join(found) == text
    assert len(found) > 1
    for part in found:
        assert len(part) <= MAX_PART_BYTES
        assert part.endswith("stands. ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, MARKS, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json(
    value: object, mark: bytes, indent: int | str | None, ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    data = mark + text.encode()

    assert answered("x.json", data) == data


@given(
    st.lists(st.lists(TEXTS, min_size=1, max_size=4), max_size=5),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    MARKS,
)
def test_csv(
    rows: list[list[str]], delimiter: str, end: str, quoting: int, mark: bytes
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=delimiter,
        lineterminator=end,
        quoting=quoting,  # type: ignore[arg-type]  # an int, for hypothesis
    )
    writer.writerows([["id", "text", "more"], *rows])
    data = mark + out.getvalue().encode()
    wanted = Settings(columns=("text", "more"))

    assert answered("x.csv", data, settings=wanted) == data


CUE_LINES = st.one_of(
    LINES,
    st.sampled_from(
        [
            "I went",
            "<i>home</i> and",
            "slept.",
            "- What?",
            "- Nothing, <b>really</b>.",
            "{\\an8}Up here...",
            '<font color="#fff">open',
            "  blanks  ",
        ]
    ),
).filter(str.strip)


@given(
    st.lists(st.lists(CUE_LINES, max_size=3), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([",", "."]),
    MARKS,
)
def test_subtitles(cues: list[list[str]], end: str, point: str, mark: bytes) -> None:
    blocks = [
        f"{i}{end}00:00:{i:02}{point}000 --> 00:00:{i:02}{point}900{end}"
        + "".join(line + end for line in lines)
        for i, lines in enumerate(cues)
    ]
    data = mark + end.join(blocks).encode()

    assert answered("x.srt", data) == data


@given(
    st.lists(st.tuples(TEXTS.filter(str.strip), TEXTS, TEXTS), max_size=4),
    st.integers(10, 90),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_catalog_with_nothing_to_translate(
    messages: list[tuple[str, str, str]], width: int, end: str
) -> None:
    file = polib.POFile(wrapwidth=width)
    file.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    for text, plural, comment in messages:
        comment = " ".join(comment.split())
        file.append(polib.POEntry(msgid=text, msgstr=text, tcomment=comment))
        file.append(
            polib.POEntry(
                msgid="one " + text,
                msgid_plural="many " + plural,
                msgstr_plural={0: text, 1: "x"},
                flags=["c-format"],
            )
        )
        file.append(polib.POEntry(msgid="old " + text, msgstr="", obsolete=True))
    data = str(file).replace("\n", end).encode()

    assert answered("x.po", data) == data


WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20
)


@settings(max_examples=25)
@given(st.lists(st.lists(WORDS, max_size=4), min_size=1, max_size=4))
def test_word_files(paragraphs: list[list[str]]) -> None:
    file = WordDocument()
    for runs in paragraphs:
        paragraph = file.add_paragraph()
        for number, text in enumerate(runs):
            paragraph.add_run(text + "\t" * (number == 2)).bold = number == 1
        file.add_table(1, 1).cell(0, 0).text = "\n".join(runs)
    out = io.BytesIO()
    file.save(out)

    said = answered("x.docx", out.getvalue())

    assert parts_of(said) == parts_of(out.getvalue())


def parts_of(data: bytes) -> list[tuple[str, int, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return [
            (info.filename, info.compress_type, package.read(info))
            for info in package.infolist()
        ]


@pytest.mark.parametrize("name", ["x.txt", "x.md", "x.html", "x.srt", "x.po", "x.tsv"])
def test_empty_files(name: str) -> None:
    columns = ("a",) if name == "x.tsv" else ()
    if columns:
        assert answered(name, b"a\n", settings=Settings(columns=columns)) == b"a\n"
    else:
        assert answered(name, b"") == b""
