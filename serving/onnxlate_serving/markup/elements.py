"""Elements of HTML, as far as it matters which one it is, and those that are open."""

from dataclasses import dataclass

from .atoms import Atom


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


VOID = _names("area base br col embed hr img input link meta param source track wbr")

BLOCKS = _names(
    "address applet article aside blockquote body caption center col colgroup dd "
    "details dialog dir div dl dt fieldset figcaption figure footer form frame "
    "frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li link listing "
    "main marquee menu meta nav noframes noscript object ol optgroup option p "
    "plaintext pre rp rt search section select summary table tbody td template "
    "textarea tfoot th thead title tr ul xmp base source track param script style"
)
"""What stands on its own: words on its two sides are not of one sentence."""

QUIET = _names(
    "code iframe kbd math noembed noframes plaintext pre samp script style svg "
    "textarea var xmp"
)
"""What is not translated though nothing says so."""
CODE = frozenset({"code", "kbd", "samp", "var"})

_ENDS_P = _names(
    "address article aside blockquote center details dialog dir div dl dd dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr li "
    "listing main menu nav ol p plaintext pre search section summary table ul xmp"
)
_ROWS = frozenset({"tr", "tbody", "thead", "tfoot"})
_ENDED_BY = {
    "p": _ENDS_P,
    "li": frozenset({"li"}),
    "dd": frozenset({"dd", "dt"}),
    "dt": frozenset({"dd", "dt"}),
    "td": _ROWS | {"td", "th"},
    "th": _ROWS | {"td", "th"},
    "tr": _ROWS,
    "tbody": _ROWS - {"tr"},
    "thead": _ROWS - {"tr"},
    "option": frozenset({"option", "optgroup"}),
    "optgroup": frozenset({"optgroup"}),
}
"""Elements that need no end tag: what begins after them ends them."""

_ONCE = frozenset({"a", "nobr", "button"})
"""Inside themselves, they end."""


@dataclass(frozen=True, slots=True)
class Element:
    name: str
    translated: bool
    """Whether its content is."""
    atom: Atom | None
    run: int
    """Number of the block that its start tag is in."""

    @property
    def is_block(self) -> bool:
        return self.name in BLOCKS


class OpenElements:
    """The elements that are open at a point of a page, outermost first."""

    def __init__(self) -> None:
        self._open: list[Element] = []
        self._places: dict[str, list[int]] = {}
        self._blocks: list[int] = []

    @property
    def translated(self) -> bool:
        """Whether what stands here is."""
        return not self._open or self._open[-1].translated

    def make_room(self, name: str) -> list[Element]:
        """Ends what such an element does not stand in; what was ended."""
        ended: list[Element] = []
        while self._blocks:
            innermost = self._open[self._blocks[-1]].name
            if name not in _ENDED_BY.get(innermost, ()):
                break
            ended += self._end_from(self._blocks[-1])
        if name in _ONCE and (place := self._place(name)) is not None:
            ended += self._end_from(place)
        return ended

    def start(self, element: Element) -> None:
        place = len(self._open)
        self._open.append(element)
        self._places.setdefault(element.name, []).append(place)
        if element.is_block:
            self._blocks.append(place)

    def end(self, name: str) -> list[Element]:
        """What an end tag ends, outermost first; nothing if it is a stray one."""
        place = self._place(name)
        return [] if place is None else self._end_from(place)

    def _place(self, name: str) -> int | None:
        places = self._places.get(name)
        if not places:
            return None
        # The end tag of an inline element does not end a block that it stands in.
        if name not in BLOCKS and self._blocks and self._blocks[-1] > places[-1]:
            return None
        return places[-1]

    def _end_from(self, place: int) -> list[Element]:
        ended = self._open[place:]
        for element in reversed(ended):
            self._places[element.name].pop()
        del self._open[place:]
        while self._blocks and self._blocks[-1] >= place:
            self._blocks.pop()
        return ended
