"""What nasty documents are made of."""

from hypothesis import strategies as st

WORDS = [
    "Hello",
    "the dog",
    "sleeps",
    "é",
    "x",
    "don't",
    "42",
    "你好世界",
    "{0}",
    "***",
]

HTML_MARKS = """
<b> </b> <i> </i> <a·href="x"> </a> <p> </p> <div> </div> <span·class="k"> </span> <br>
<br/> <img·src=x·alt="A·dog."> <!--·c·--> <li> <ul> </ul> <table> <tr> <td> </table>
<code> </code> <span·translate="no"> <em·title='Hi·you'> </em> &amp; &nbsp; &eacute; <
> & a·<·b <svg><g/></svg> <svg> </svg> <math> <![CDATA[x]]> <?x?> <!doctype·html> </
<a <b·class=" <script>if(a<b)</script> <style> </style> <textarea> </textarea> <pre>
</pre> <title> </title> <h1> </h1> <select> <option> </select> <button> </button> <nobr>
<u> </u> <font·color=red> </font> </br> " ' = / --> <wbr> <hr> <B> </I>
<input·value="Send·it"·type=submit> <rp> <form> </form> <iframe> </iframe> <noscript>
</noscript> <object> </object> <template> </template> <body·class=x> <html> <head>
</body> <frameset> <plaintext> <x-y> </x-y> <p·translate=no> <i·translate="yes">
"""

BLANKS = [" ", "  ", "\n", "\t", "\r\n", ". ", "! "]

MARKDOWN_WORDS = r"""
* ** _ __ ` `` [ ](http://x.org) ![ [ref] ][ref] <b> </b> <br> <http://a.b/c> \\* \\[ \\
<me@x.org> &amp; &nbsp; ~~ | > < *** `code` **bold** *it* [Foo]
"""

MARKDOWN_MARKS = [
    *MARKDOWN_WORDS.split(),
    *['](<a b> "t")', "  \n", "\\\n", "\n", "\n\n", "\n> ", "\n- ", "\n1. ", "\n   "],
    *["\n    ", "\n# ", "\n## ", "\n---\n", "\n===\n", "\n```\n", "\n~~~\n", "- [ ] "],
    *["\n|---|---|\n", "\n| a | b |\n|---|---|\n| ", "\n[ref]: http://r.org\n", "# "],
    *['<span translate="no">', "</span>", "<!-- c -->", "\n<div>\n", "\n</div>\n"],
    *["\n* ", "\n\n> > ", "\n<p>Some <b>words</b></p>\n", "\n[Foo]: /x\n", "+ "],
    *["---\na: b\n"],
]


def documents(marks: list[str]) -> st.SearchStrategy[str]:
    """Words and marks in any order."""
    pieces = st.one_of(
        st.sampled_from(marks),
        st.sampled_from(WORDS),
        st.sampled_from(BLANKS),
    )
    return st.lists(pieces, max_size=25).map("".join)


HTML = documents([mark.replace("·", " ") for mark in HTML_MARKS.split()])
MARKDOWN = documents(MARKDOWN_MARKS)
