"""Texts whose layout is hard to keep."""

import textwrap

from hypothesis import strategies as st

PROSE = (
    "The committee, which had met twice before, decided on Monday that nothing would "
    "be decided. Dr. Smith (of 12 High St.) said: “We tried, i.e. we talked!” Then "
    "everyone went home; nobody minded, as it was late and cold and the buses had "
    "stopped at 11 p.m. already."
)

LONG = ", ".join(["a clause that goes on and on", "another one"] * 60)

PICKED = (
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "   \n\n  \t \r\n ",
    "\u200b",
    "\ufeff",
    "\ufeffA byte order mark.",
    "One.",
    " leading",
    "trailing ",
    "\n\nblank lines around\n\n\n",
    "Two  blanks.  And   three.",
    "Windows\r\nline\r\n\r\nends\r\n",
    "Old Mac\rline\rends\r",
    "mixed\r\nends\nof\rlines\n\rhere",
    "form\ffeed\vand\x1cothers\x1d\x1e\x85and\u2028and\u2029",
    "\x00nul\x01and\x1bothers\x7f\x9f.",
    "no-break\u00a0space,\u202fnarrow\u2009thin\u3000wide.",
    "zero\u200bwidth\u200dand\u2060joiners\u00adsoft-hyphen.",
    "# Heading\n\nText below.\n\n## Another one ##\n",
    "- a list\n- of things\n  - that are nested\n    * deeply\n\t+ with tabs\n",
    "1. first\n2) second\n(3) third\na) letter\n  b. another\n[ ] to do\n[x] done\n",
    "• bullets\n◦ hollow\n– dash\n— long dash\n",
    "> quoted\n> > twice\n>no blank\n",
    "| a | b |\n|---|:-:|\n| one two | three. Four! |\n|| ||\n",
    "name\tage\ttown\nMary\t12\tYork\n\t\t\n",
    "Name        Age     Town\nMary Smith   12     York\n",
    'a,b,c\n1,2,3\n"quoted, field",x,y\n',
    'def f(x: int) -> str:\n    return f"{x!r}"  # comment\n\n\n@property\n',
    "if (a && b) { return c[0]->d; } /* why? */\n};\n",
    '<p class="x">Not &amp; plain.</p>\n<br/>\n',
    '{"key": "A value.", "n": 1.5e-3, "list": [null, true]}',
    "----\n====\n****\n~~~~\n....\n!!!!\n?!?!\n",
    "12.5 % of 1,000.00 € = 125,00 €\n3.14159\n2026-11-26T12:00:00Z\n",
    "https://example.org/a?b=c&d=e#f. Mail: a.b@example.org!",
    "%s and {name} and {{x}} and $HOME and ${PATH} and <b>",
    "😀",
    "😀😀😀\n👨‍👩‍👧‍👦 family\n🏳️‍🌈🇩🇪🇫🇷 flags 👍🏽!\n1️⃣ one 2️⃣ two\n",
    "I ❤️ pizza 🍕. You too? 🤔 Yes! ✨🎉✨",
    "e\u0301 combining: n\u0303o\u0308. Z\u0351\u036b\u0343a\u0334l\u0322g\u0321o.",
    "今天天气很好。我们去公园吧！好吗？“好的。”他说。",
    "　　中文段落，有缩进。\n　　第二段：一、二、三；四。\n",
    "今日は良い天気です。「はい。そうです。」と彼は言った。",
    "오늘 날씨가 좋습니다. 공원에 갈까요?\n",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ\n",
    "مرحبا بالعالم. كيف حالك؟ \u200fأنا بخير.\u200e\n",
    "שלום עולם. מה שלומך? (טוב, תודה) \u202babc\u202c\n",
    "ﷺ ﷽ ﬁ Å Ω ℌ ² ½ ㎢",
    "हिन्दी में लिखा। दूसरा वाक्य॥",
    "Mixed 中文 and العربية and עברית and 🇯🇵日本語 in one line.",
    "word" * 400,
    "文" * 700,
    "😀" * 300,
    "é" * 500,
    "-" * 3000,
    ("a" * 50 + " ") * 40,
    LONG,
    LONG.replace(" ", "  "),
    LONG.replace(", ", ",\n"),
    "“" * 40 + "Unclosed. Quotes. Everywhere.",
    "(((((a. b! c? ]]}} ''''\"\"\"\" d.",
    "Mr. Mrs. Ms. Dr. Prof. e.g. i.e. etc. U.S. p.m. No. 5. Fig. 3.",
    "Really?!?! Yes... No…  Well?? \"Quoted.\" 'Single.' (Aside.) End",
    "i like it. he does not. why? because! no.",
    "A. B. C. D.\nE.\nF",
    textwrap.fill(PROSE, 60),
    textwrap.fill(PROSE, 60).replace("\n", "\r\n"),
    textwrap.indent(textwrap.fill(PROSE * 2, 72), "    "),
    textwrap.fill(PROSE, 72, initial_indent="  * ", subsequent_indent="    "),
    textwrap.fill(PROSE, 50) + "\n\n" + textwrap.fill(PROSE, 50) + "\n",
    textwrap.fill(PROSE, 66).replace("\n", "  \n"),
    textwrap.fill("今天 天气 很好 " * 40, 60),
    "\n".join(["a line like all the others, forty-odd long"] * 6),
    PROSE.replace(" ", "\n"),
    PROSE.replace(" ", "\t"),
    PROSE.replace(" ", " \n "),
    "\n" * 200 + "deep" + "\n" * 200,
    " " * 500 + "far" + " " * 500,
    "\ud7ff\ue000\ufffd\uffff\U0010ffff private and last.",
    "ends in half a flag 🇩",
    "joiner at the end\u200d",
    "\u0301starts with a mark",
    "▁▂▃ a bar chart ▇▆▅ of▁blocks ▁ and▁▁gaps ▁.",
    "tab\tin the\tmiddle.\tSecond\tsentence.\t",
)

_BLANKS = st.sampled_from(
    ["", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\u3000", "\xa0", "\u2028"]
)
_MARKS = "-- | - 1. “ ” ( {x} %s 3.5 ... ?! # > e\u0301 😀 👨‍👩‍👧 🇩🇪 مرحبا שלום."
_WORDS = st.sampled_from(
    [*PROSE.split(), *_MARKS.split(" "), "今天天气很好。", "はい。"]
)


def documents() -> st.SearchStrategy[str]:
    """Words and blanks of all kinds, paragraphs that are wrapped, and any characters
    at all."""
    pieces = st.lists(st.tuples(_WORDS, _BLANKS).map("".join), max_size=60)
    prose = st.lists(st.sampled_from(PROSE.split()), min_size=10, max_size=80)
    wrapped = st.tuples(prose.map(" ".join), st.integers(20, 100)).map(
        lambda each: textwrap.fill(*each)
    )
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
    part = st.one_of(pieces.map("".join), wrapped, anything)
    return st.lists(st.tuples(part, _BLANKS).map("".join), max_size=4).map("".join)
