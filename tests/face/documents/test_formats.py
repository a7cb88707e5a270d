"""What is translated in each kind of file, and what is not."""

import io
import json
import random
import tracemalloc
import zipfile
from contextlib import suppress
from datetime import timedelta

import polib
import pytest
import srt
from docx import Document as WordDocument

from onnxlate.documents import Answer, Settings, open_document
from onnxlate.documents.word import SMALL_BYTES
from onnxlate.errors import ConfigError, DocumentError, OnnxlateError

from .voices import answered, echo, shout


def texts(name: str, data: bytes, settings: Settings | None = None) -> list[str]:
    document = open_document(name, data, settings or Settings())
    return [unit.text for unit in document.units]


def test_json_values_change_and_nothing_else() -> None:
    data = b'{"b": "one",\r\n\t"a": [1.50, "two \\u00e4", null, {"k": "3"}]  }\n'

    said = answered("x.json", data, shout)

    assert said == (
        b'{"b": "ONEX",\r\n\t"a": [1.50, "TWOX \\u00c4X", null, {"k": "3"}]  }\n'
    )


def test_json_keys_are_chosen_by_path_or_by_name() -> None:
    data = b'{"menu": [{"title": "a", "id": "b"}], "title": "c", "x": {"2024": "d"}}'

    def chosen(*keys: str) -> list[str]:
        return texts("x.json", data, Settings(keys=keys))

    assert chosen("title") == ["a", "c"]
    assert chosen("menu.*.title") == ["a"]
    assert chosen("x.*") == ["d"]
    assert chosen("2024", "id") == ["b", "d"]
    with pytest.raises(DocumentError, match="titel"):
        chosen("titel")


def test_half_characters_are_left_alone() -> None:
    data = b'["\\ud83d", "\\ud83d\\ude00 a"]'

    assert texts("x.json", data) == ["😀 a"]


TABLE = b'id;text;note\r\n1;"a; ""b""";"n"\r\n\r\n2;c\r\n3;12;x\r\n'


def test_a_column_is_replaced_and_the_dialect_stays() -> None:
    said = answered("x.csv", TABLE, shout, Settings(columns=("text",)))

    assert said == (b'id;text;note\r\n1;"AX; ""BX""";"n"\r\n\r\n2;CX\r\n3;12;x\r\n')


def test_a_column_is_added_or_filled() -> None:
    added = answered("x.csv", TABLE, shout, Settings(columns=("text=de",)))
    filled = answered("x.csv", TABLE, shout, Settings(columns=("text=note",)))

    assert added.splitlines() == [
        b"id;text;note;de",
        b'1;"a; ""b""";"n";"AX; ""BX"""',
        b"",
        b"2;c;;CX",
        b"3;12;x;12",
    ]
    assert filled.splitlines()[1:2] == [b'1;"a; ""b""";"AX; ""BX"""']
    assert filled.splitlines()[4] == b"3;12;12"


def test_a_value_that_needs_quotes_gets_them() -> None:
    said = answered("x.csv", b"t\na b\n", lambda _: 'x,"y"', Settings(columns=("t",)))

    assert said == b't\n"x,""y"""\n'


@pytest.mark.parametrize(
    ("data", "columns", "words"),
    [
        (b"a,b\n1,2\n", (), "'a', 'b'"),
        (b"a,b\n1,2\n", ("c",), "no column 'c'"),
        (b"a,b\n1,2\n", ("a=x", "b=x"), "two columns"),
        (b"a,b\n1,2\n", ("a=",), "neither"),
        (b'a,b\n"1,2\n', ("a",), "nothing closes"),
        (b"a\n1,2\n", ("a=x",), "row 2 has 2 fields"),
        (b"", ("a",), "no column 'a'"),
    ],
)
def test_tables_that_cannot_be_meant(
    data: bytes, columns: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DocumentError, match=words):
        open_document("x.csv", data, Settings(columns=columns))


SUBTITLES = """1
00:00:01,000 --> 00:00:03,500 X1:10 Y1:20
<i>I have been waiting here
for three hours,</i>

2
0:00:03.600 --> 00:00:05,000
but <b>nobody</b> came.

3
00:00:06,000 --> 00:00:08,000
- Where is Tom?
- In the garden.

4
00:00:09,000 --> 00:00:10,000
{\\an8}♪ 12 ♪

5
00:01:09,000 --> 00:01:10,000
no full stop here

6
00:02:09,000 --> 00:02:10,000
and a minute later
"""


def test_a_sentence_over_lines_and_cues_is_one() -> None:
    assert texts("x.srt", SUBTITLES.encode()) == [
        "I have been waiting here for three hours, but nobody came.",
        "Where is Tom?",
        "In the garden.",
        "no full stop here",
        "and a minute later",
    ]


def test_a_sentence_is_laid_back_over_its_cues_and_all_else_stays() -> None:
    said = answered("x.srt", SUBTITLES.encode(), str.upper).decode()

    old, new = SUBTITLES.split("\n"), said.split("\n")
    assert [line for line in new if "-->" in line or line.isdigit()] == [
        line for line in old if "-->" in line or line.isdigit()
    ]
    assert new[2:4] == ["<i>I HAVE BEEN WAITING HERE", "FOR THREE HOURS,</i>"]
    assert new[7] == "BUT <b>NOBODY</b> CAME."
    assert new[11:13] == ["- WHERE IS TOM?", "- IN THE GARDEN."]
    assert new[16] == "{\\an8}♪ 12 ♪"


def test_every_cue_keeps_words_and_time() -> None:
    def brief(text: str) -> str:
        return " ".join(["Wort"] * 3) if text.startswith("I have") else text

    cues = list(srt.parse(answered("x.srt", SUBTITLES.encode(), brief).decode()))

    assert [cue.start for cue in cues] == [cue.start for cue in srt.parse(SUBTITLES)]
    assert cues[0].content == "<i>Wort\nWort</i>"
    assert "Wort" in cues[1].content
    assert cues[0].end == timedelta(seconds=3.5)


CATALOG = """# Somebody's file, 2020.
msgid ""
msgstr ""
"Project-Id-Version: x\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#. a comment
#: a.c:1   b.c:2
#, c-format
msgid "Hello, %s!"
msgstr ""

msgid "A message of two lines,\\n"
"and that oddly wrapped.\\n"
msgstr ""

msgctxt "menu"
msgid "Open"
msgstr "Öffnen"

msgid "%d file"
msgid_plural "%d files"
msgstr[0] ""
msgstr[1] ""

#, fuzzy
#| msgid "Old"
msgid   "New"
msgstr "Alt"

#~ msgid "gone"
#~ msgstr ""
"""


def test_messages_without_a_translation_get_one() -> None:
    said = answered("x.po", CATALOG.encode(), shout).decode()

    assert said == CATALOG.replace(
        '#, c-format\nmsgid "Hello, %s!"\nmsgstr ""',
        '#, fuzzy, c-format\nmsgid "Hello, %s!"\nmsgstr "HELLOX, %s!"',
    ).replace(
        'msgid "A message of two lines,\\n"\n"and that oddly wrapped.\\n"\nmsgstr ""\n',
        '#, fuzzy\nmsgid "A message of two lines,\\n"\n"and that oddly wrapped.\\n"\n'
        'msgstr ""\n"AX MESSAGEX OFX TWOX LINESX,\\n"\n'
        '"ANDX THATX ODDLYX WRAPPEDX.\\n"\n',
    ).replace(
        'msgid "%d file"\nmsgid_plural "%d files"\nmsgstr[0] ""\nmsgstr[1] ""\n',
        '#, fuzzy\nmsgid "%d file"\nmsgid_plural "%d files"\n'
        'msgstr[0] "%d FILEX"\nmsgstr[1] "%d FILESX"\n',
    )


def test_messages_with_a_translation_get_another_if_asked() -> None:
    wanted = Settings(retranslate=True, fuzzy=False)

    said = answered("x.po", CATALOG.encode(), shout, wanted).decode()

    file = polib.pofile(said)
    assert [entry.msgstr for entry in file if entry.msgid in ("Open", "New")] == [
        *("OPENX", "NEWX")
    ]
    assert not [entry.msgid for entry in file if entry.fuzzy]
    assert '"FILESX"\n\nmsgid   "New"\nmsgstr "NEWX"\n\n#~' in said.replace("%d ", "")


def test_a_lost_placeholder_is_told_and_marked() -> None:
    document = open_document("x.po", CATALOG.encode(), Settings(fuzzy=False))
    answers = [Answer(unit.text.replace("%s", "")) for unit in document.units]

    rebuilt = document.rebuilt(answers)

    assert [str(remark) for remark in rebuilt.remarks] == [
        "message at line 11: placeholders: %s"
    ]
    marked = [
        entry.msgid for entry in polib.pofile(rebuilt.data.decode()) if entry.fuzzy
    ]
    assert marked == ["Hello, %s!", "New"]


def test_a_catalog_keeps_its_encoding() -> None:
    text = CATALOG.replace("UTF-8", "iso-8859-1")

    assert "Öffnen" in answered("x.po", text.encode("latin-1"), shout).decode("latin-1")
    with pytest.raises(DocumentError, match=r"iso8859-1.* 'Ω'"):
        answered("x.po", text.encode("latin-1"), lambda _: "Ω")


def word_file() -> bytes:
    file = WordDocument()
    file.add_heading("A heading", 1)
    paragraph = file.add_paragraph("He has ")
    paragraph.add_run("eaten").bold = True
    paragraph.add_run(" the apple & all\tbehind a tab")
    file.add_table(1, 2).cell(0, 1).text = "In a cell"
    file.sections[0].header.paragraphs[0].text = "On top"
    file.sections[0].footer.paragraphs[0].text = "Below 12"
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def test_word_files_are_translated_all_over() -> None:
    said = answered("x.docx", word_file(), shout)

    file = WordDocument(io.BytesIO(said))
    assert [[run.text for run in each.runs] for each in file.paragraphs] == [
        ["AX HEADINGX"],
        ["HEX HASX ", "EATENX", " THEX APPLEX & ALLX\tBEHINDX AX TABX"],
    ]
    assert [run.bold for run in file.paragraphs[1].runs] == [None, True, None]
    assert file.tables[0].cell(0, 1).text == "INX AX CELLX"
    assert file.sections[0].header.paragraphs[0].text == "ONX TOPX"
    assert file.sections[0].footer.paragraphs[0].text == "BELOWX 12X"


def test_all_other_parts_of_a_word_file_stay() -> None:
    said, given = (
        {info.filename: package.read(info) for info in package.infolist()}
        for package in (
            zipfile.ZipFile(io.BytesIO(data))
            for data in (answered("x.docx", word_file(), shout), word_file())
        )
    )

    changed = {name for name in given if said[name] != given[name]}
    assert changed == {*("word/document.xml", "word/header1.xml", "word/footer1.xml")}
    assert list(said) == list(given)


MAIN = "document.main"
XML = """<?xml version='1.0' encoding="UTF-8"?>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">\
<w:body><w:p><w:r><w:t>Outer </w:t><w:drawing><w:txbxContent><w:p><w:r><w:t>in a box\
</w:t></w:r></w:p></w:txbxContent></w:drawing></w:r>\
<w:del><w:r><w:delText>no</w:delText></w:r></w:del><w:r>\
<w:rPr><w:lang w:val="en"/></w:rPr><w:t xml:space="preserve">words &lt;</w:t><w:br/>\
<w:t/><w:t>next</w:t></w:r></w:p></w:body></w:document>"""


def packed(xml: str, *kinds: str) -> bytes:
    """A package with that in a part of each kind."""
    out = io.BytesIO()
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    types = "".join(
        f'<Override PartName="/word/{i}.xml" ContentType="{office}.{kind}+xml"/>'
        for i, kind in enumerate(kinds)
    )
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("[Content_Types].xml", f"<Types>{types}</Types>")
        for i in range(len(kinds)):
            package.writestr(f"word/{i}.xml", xml)
    return out.getvalue()


def test_a_package_that_would_fill_the_memory_is_refused() -> None:
    bomb = io.BytesIO(packed(XML, MAIN))
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/media/zeros", bytes(SMALL_BYTES))

    with pytest.raises(DocumentError, match="times the file"):
        answered("x.docx", bomb.getvalue())


def test_a_package_with_a_wrong_byte_is_refused_or_read() -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed(XML, MAIN))) as stored,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package,
    ):
        for name in stored.namelist():
            package.writestr(name, stored.read(name))
    data = out.getvalue()
    assert answered("x.docx", data) != b""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        first = package.getinfo("word/0.xml")
    start = first.header_offset + 30 + len(first.filename)
    num_refused = 0
    for at in range(start, start + first.compress_size):
        wrong = bytearray(data)
        wrong[at] ^= 0xFF
        try:
            answered("x.docx", bytes(wrong))
        except DocumentError:
            num_refused += 1
    assert num_refused > first.compress_size // 2


def claiming(size: int) -> bytes:
    """A package with a part that is said to be so large."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("word/document.xml", "small")
        package.infolist()[0].file_size = size
    return out.getvalue()


def test_notes_are_translated_and_comments_are_not() -> None:
    data = packed(XML, MAIN, "footnotes", "endnotes", "comments", "styles")

    units = open_document("x.docx", data).units

    assert [unit.place for unit in units[::3]] == [
        *("paragraph 1", "footnotes, paragraph 1", "endnotes, paragraph 1")
    ]
    with zipfile.ZipFile(io.BytesIO(answered("x.docx", data, shout))) as package:
        texts = [package.read(f"word/{i}.xml") for i in range(5)]
    assert texts[0] == texts[1] == texts[2] != XML.encode()
    assert texts[3] == texts[4] == XML.encode()


def test_boxes_breaks_and_tracked_changes() -> None:
    assert texts("x.docx", packed(XML, MAIN)) == ["Outer words <", "in a box", "next"]

    said = answered("x.docx", packed(XML, MAIN), shout)

    with zipfile.ZipFile(io.BytesIO(said)) as package:
        assert package.read("word/0.xml").decode() == XML.replace(
            "<w:t>Outer ", '<w:t xml:space="preserve">OUTERX '
        ).replace("in a box", "INX AX BOXX").replace("words", "WORDSX").replace(
            "next", "NEXTX"
        )


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            "x.txt",
            "é".encode("latin-1"),
            "line 1 has the byte 0xE9, which is not UTF-8",
        ),
        ("x.txt", "a".encode("utf-16"), "it is in UTF-16"),
        ("x.html", b"<meta charset=nonsense>", "unknown encoding, 'nonsense'"),
        ("x.json", b'{"a": 1,}', "it is not JSON: .*line 1"),
        ("x.json", b"[" * 100_000, "nested too deeply"),
        ("x.srt", b"1\nno time\n", "it is not SRT: no cue begins at line 1"),
        ("x.po", b'msgid "a"\nnonsense\n', "it is not PO"),
        ("x.docx", b"not a zip file", "it is not DOCX"),
        ("x.docx", packed("<a>", MAIN), "its XML is damaged"),
        ("x.docx", packed("<!DOCTYPE a><a/>", MAIN), "document type"),
        ("x.docx", packed("<a/>", "glossary"), "no part of it"),
        ("x.docx", claiming(1 << 30), "1073741824 bytes when unpacked"),
    ],
)
def test_files_that_are_not_what_their_name_says(
    name: str, data: bytes, words: str
) -> None:
    with pytest.raises(DocumentError, match=f"cannot read {name}: .*{words}"):
        open_document(name, data)


def test_a_damaged_word_file_is_for_the_user() -> None:
    whole = word_file()
    luck = random.Random(7)
    read = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(luck.randint(1, 20)):
            data[luck.randrange(len(data))] = luck.randrange(256)
        with suppress(DocumentError):
            open_document("x.docx", bytes(data[: luck.randint(1, 2 * len(data))]))
            read += 1
    assert read < 300


def test_a_part_gives_no_more_than_it_says() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", bytes(200 * 1024 * 1024))
        package.infolist()[0].file_size = 10

    tracemalloc.start()
    with pytest.raises(DocumentError, match="damaged"):
        open_document("x.docx", out.getvalue())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * 1024 * 1024


def test_files_and_settings_that_nothing_reads() -> None:
    for name, wanted in [
        ("x.pdf", Settings()),
        ("x", Settings()),
        ("x.txt", Settings(keys=("a",))),
        ("x.json", Settings(columns=("a",))),
        ("x.csv", Settings(fuzzy=False)),
    ]:
        with pytest.raises(ConfigError):
            open_document(name, b"", wanted)


def test_a_declared_encoding_is_kept() -> None:
    page = '<meta charset="iso-8859-1"><p>é</p>'.encode("latin-1")

    assert answered("x.html", page, echo) == page
    said = answered("x.html", page, lambda text: text.replace("é", "é „Ω“"))
    assert "é &#8222;&#937;&#8220;".encode("latin-1") in said


def test_settings_before_markdown_are_left_alone() -> None:
    data = b"---\ntitle: A title\n---\n\nWords.\n"

    assert answered("x.md", data, shout) == data.replace(b"Words", b"WORDSX")


@pytest.mark.parametrize(
    ("name", "before", "code", "behind"),
    [
        (
            "x.html",
            "<p>Hi</p><script>",
            "if (a < b) c();\n" * 9999,
            "</script><p>Ho</p>",
        ),
        ("x.html", "<p>Hi <img alt=x src=", "QUJD" * 30_000, "> Ho</p>"),
        ("x.html", "<b>Hi</b><div class=notranslate>", "<p>x</p>" * 9999, "</div>Ho"),
        ("x.md", "Hi\n\n```\n", "some code\n\n" * 9999, "```\n\nHo\n"),
        ("x.md", "Hi ![x](data:", "QUJD" * 30_000, ") Ho"),
        ("x.txt", "Hi ", "QUJD" * 30_000, " Ho"),
    ],
)
def test_code_that_is_too_long_to_send_is_not_sent_in_pieces(
    name: str, before: str, code: str, behind: str
) -> None:
    data = (before + code + behind).encode()

    document = open_document(name, data)

    sent = [unit.text for unit in document.units]
    assert not any(code[:12] in text for text in sent)
    assert "Hi" in sent[0]
    assert "Ho" in sent[-1]
    assert document.rebuilt([Answer(text) for text in sent]).data == data


def test_places_are_told_by_line() -> None:
    data = b"1\n\nOne.\nTwo.\n"
    [unit] = open_document("x.txt", data).units

    assert unit.where(unit.text.index("Two")) == "line 4"


def test_every_mistake_is_for_the_user() -> None:
    """Bytes of one kind under the name of another: an error of ours, or a file."""
    kinds = {
        "x.srt": SUBTITLES.encode(),
        "x.po": CATALOG.encode(),
        "x.docx": word_file(),
        "x.json": json.dumps({"a": "b"}).encode(),
        "x.csv": TABLE,
        "x.html": b"<p>a</p>",
        "x.md": b"# a",
        "x.txt": b"a",
    }
    for name in kinds:
        for data in kinds.values():
            for cut in (len(data), len(data) // 2):
                wanted = Settings(columns=("text",)) if name == "x.csv" else Settings()
                try:
                    answered(name, data[:cut], shout, wanted)
                except OnnxlateError:
                    continue
