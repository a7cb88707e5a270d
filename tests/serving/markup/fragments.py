"""Three hundred fragments of HTML, as people write it and as they had better not."""

import random

PICKED = [
    '<p>My name is <b>Anna</b> and I live in <a href="/?a=1&amp;b=2">Berlin</a>.</p>',
    "<p>He drank <em>a cup of <strong>black</strong> coffee</em> and went home.</p>",
    "<p>I saw <span translate='no'>Foo <b>Bar</b></span> yesterday.</p>",
    "<p>Use <code>ls -l</code> to see your files, and <kbd>q</kbd> to go.</p>",
    "<p>The caf&eacute; is&nbsp;open.<br>Come in &amp; drink.</p>",
    "<ul>\n  <li>The dog sleeps.\n  <li>The cat <i>eats</i>.\n</ul>",
    "<table><tr><td>Name<td>The <b>house</b><tr><td>Two<td>&nbsp;</table>",
    "<h1 title='My house'>A <small>small</small> house</h1><p>It is old.",
    '<img src="a.png" alt="A dog sleeps">',
    '<a href="/x" title="Read it"><img src="b.png" alt="The cat"></a> is here.',
    "<input type=submit value='Send it'> <input placeholder='Your name'>",
    "<p>Water is H<sub>2</sub>O, and it is the 10<sup>th</sup> day.</p>",
    "<!-- a comment --> I am <!-- another --> tired.",
    "<!DOCTYPE html><html><head><title>A &amp; b dog</title></head><body>Yes</body>",
    "<script>if (a < b) { alert('<b>no</b>'); }</script><p>I have a car.</p>",
    "<style>p > b { color: red }</style><p>I have <b>no</b> car.</p>",
    "<pre>  no\n    <b>change</b>  </pre><textarea>\n no change </textarea>",
    "<svg viewBox='0 0 1 1'><title>no</title><path d='M0 0'/></svg> I like it.",
    "<math><mi>x</mi><mo>=</mo><mn>2</mn></math> is what we know.",
    "<![CDATA[ no <b>change</b> ]]> I see it.",
    "<div translate=no>No <p translate=yes>I like it.</p> change</div>",
    "<p class='notranslate big'>No change</p><p lang=en>I like it.</p>",
    "<p>One line<br>and two lines<br/><br />and three.</p>",
    "<label for=a>Name</label><select id=a><option>One<option selected>Two</select>",
    "<button aria-label='Close it'>x</button>",
    "<ruby>I<rp>(</rp><rt>me</rt><rp>)</rp></ruby> am here.",
    "<dl><dt>Dog<dd>It sleeps.<dt>Cat<dd>It <u>eats</u>.</dl>",
    "<blockquote cite='/x'><p>He said that <q>I am old</q>.</p></blockquote>",
    "<details><summary>More</summary>I see <abbr title='A dog'>it</abbr></details>",
    "<p>I have <del>one</del> <ins>two</ins> dogs.</p>",
    "<custom-tag data-x='1'>I am <x-y>here</x-y> now.</custom-tag>",
    "<iframe src='/x'>no <b>change</b></iframe><noscript>I <b>see</b> it.</noscript>",
    "<form action=x><fieldset><legend>My name</legend><input name=a></fieldset></form>",
    "&lt;b&gt;I am not bold&lt;/b&gt; &copy; 2020 &#8212; &hellip;",
    "I am <B CLASS=Big>LOUD</B> and <i\n  id='x'\n>quiet</i>.",
    "<p>\n\n   I have\n   a <b>  big  </b>   dog.\n\n</p>\n\n",
    "<p>I know that 1 < 2 and 3 > 2 & that is all.</p>",
    # Broken
    "I am <b>very <i>tired</b> today</i>.",
    "<p>I have <b>a dog.<p>You have a cat.</b>",
    "He is </b>at home</p>.",
    "<div><span>I see <p>the house</span> now</div>",
    "I see <a href='/x'>one <a href='/y'>and two</a>.",
    "<b><p>I am <i>here</b> and there</p></i>",
    "I am here <b",
    "I am here <a href='/x",
    "I am here </",
    "I am here <!-- and there",
    "<table>I am <tr>here <b>now<td>and there</table>.",
    "<b>I am <b>very <b>tired</b>.",
    "<p id=a id=b class=c class=d>I am <b x y=1 x=2>here</b>.</p>",
    "<p <b>I am here</b></p>",
    "<p>I am <b / class=x / >here</b / >.</p>",
    "<img alt='I am' src=x alt='not here'>",
    "I < b am > here & there &amp &notit; &#0; &#xD800; &bogus;",
    "<></><3 I love </3 it",
    "<? php ?> I am <?xml version='1.0'?> here <!bogus> now.",
    "</p></p></p>I am here<br></br>",
    "<ul><li><b>I am<li>here</b></ul>",
    "<select><b>I am</b><option>here</select>",
    "<td>I am</td> <tr>here</tr> <body>now</body>",
    "<title>I am <b>here</title><b>now",
    "<plaintext>I am <b>here",
    "<svg><p>I am here</svg> now",
    "<font color=red><nobr>I am<nobr>here</font>",
    "<button>I am<button>here</button>",
    "\ufeff<p>I am here \U0001f600<b>\u200d</b> now</p>",
    "\r\n<p>\r\nI am\r\n<b>here</b>\r\n</p>\r\n",
    "<p>\0I am <b>\x01here</b></p>",
]

SENTENCES = [
    "My name is Anna and I live in Berlin.",
    "He drank a cup of coffee and went home.",
    "The weather is nice today, so we want to play tennis in the park.",
    "Tom said that he had never been to Boston before.",
    "I don't know when she will come back.",
    "Would you like to have another piece of cake?",
    "She bought a new car last week.",
    "The old man sat on a bench and read the newspaper.",
    "If it rains tomorrow, we will stay at home.",
    "There are many trees behind our house.",
    "Please close the window before you go to bed.",
    "My brother can play the piano very well.",
]
INLINE = [
    "b",
    "i",
    "em",
    "strong",
    "u",
    "small",
    "span class='k'",
    'a href="/?a=1&amp;b=2"',
    'a title="A nice house" href=x',
    "mark",
    "q",
    "font color=red",
    "span translate=no",
    "code",
    "abbr title='My dog'",
]
ALONE = ["<br>", "<img src=x alt='My dog'>", "<wbr>", "<!-- c -->", "<input>", "<br/>"]
BLOCK = ["p", "div", "li", "h2", "td", "blockquote", "p class=x", "section"]
ENTITIES = ["&nbsp;", "&amp;", " &mdash; ", "&eacute;", "&lt;3", " & ", " < "]


def fragments(number: int = 300) -> list[str]:
    """Always the same ones."""
    made = [_made(random.Random(seed)) for seed in range(number - len(PICKED))]
    return PICKED + made


def _made(rng: random.Random) -> str:
    """Some blocks with nested marks in them; in every third something is broken."""
    text = ""
    for _ in range(rng.randint(1, 3)):
        tag = rng.choice(BLOCK)
        text += f"<{tag}>{_marked(rng, rng.choice(SENTENCES).split(), 0)}"
        text += rng.choice([f"</{tag.split()[0]}>", "", "\n"])
    return _broken(rng, text) if rng.random() < 1 / 3 else text


def _marked(rng: random.Random, words: list[str], depth: int) -> str:
    if depth == 3 or not words or rng.random() < 0.2:
        return _seasoned(rng, words)
    begin = rng.randrange(len(words))
    end = rng.randint(begin, min(len(words), begin + 4))
    tag = rng.choice(INLINE)
    inside = _marked(rng, words[begin:end], depth + 1)
    marked = f"<{tag}>{inside}</{tag.split()[0]}>"
    before = _seasoned(rng, words[:begin])
    after = _marked(rng, words[end:], depth + 1)
    return f"{before} {marked}{rng.choice([' ', ' ', ''])}{after}"


def _seasoned(rng: random.Random, words: list[str]) -> str:
    words = list(words)
    if words and rng.random() < 0.3:
        words.insert(rng.randrange(len(words) + 1), rng.choice(ALONE))
    if words and rng.random() < 0.2:
        words[rng.randrange(len(words))] += rng.choice(ENTITIES)
    return " ".join(words)


def _broken(rng: random.Random, text: str) -> str:
    """Without one of its tags, or with one too many, or cut off."""
    starts = [at for at, character in enumerate(text) if character == "<"]
    at = rng.choice(starts)
    end = text.find(">", at) + 1 or len(text)
    return rng.choice(
        [
            text[:at] + text[end:],
            text[:at] + "</i>" + text[at:],
            text[:end] + "<b>" + text[end:],
            text[: rng.randrange(at, end)],
            text[:end] + text[at:end] + text[end:],
        ]
    )
