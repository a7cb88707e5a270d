"""Where in a translation the marks of its source go.

A pair of marks goes around the run of words that come from the words it had inside.
Pairs stay inside of the pair they were in, and never cross: a word that two of them
want is the first one's. A mark that stands alone goes between two words, where the
fewest of them are on another side than what they come from.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from onnxlate.answer import Span

from .atoms import Atom, Block, Kind
from .words import Answer, Word

UNLINKED = -0.05
"""What a word costs that comes from nowhere: a run may go over it, not end in it."""

BESIDE = 0.5
"""What it is worth to stand beside the same word as before."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A mark, in place of characters of the translation; mostly of none."""

    atom: Atom
    start: int
    end: int


@dataclass(eq=False, slots=True)
class Node:
    """A mark, or a pair with what is in it."""

    atom: Atom
    start: int
    """Characters of the source."""
    end: int
    parent: "Node | None"
    children: list["Node"] = field(default_factory=list)
    first: int = 0
    """Words of the target, the last excluded."""
    last: int = 0

    @property
    def is_pair(self) -> bool:
        return self.atom.kind is Kind.OPEN


def place(block: Block, answer: Answer, kept: dict[Atom, Span]) -> list[Placed]:
    """Every mark of the block, in the order of the target.

    `kept` says where in the target the KEPT atoms are.
    """
    root = _tree(block)
    cuts = [at for span in kept.values() for at in (span.start, span.end)]
    marks = [at for node in _all(root) for at in (node.start, node.end)]
    words = answer.words(cuts, marks)
    root.last = len(words)
    for node in _all(root):
        if node.atom.kind is Kind.KEPT:
            span = kept[node.atom]
            for word in words:
                if span.start <= word.start < span.end:
                    word.links = [(node.start, node.end, 1.0)]
    placement = _Placement(answer, words, kept)
    placement.fill(root)
    return list(placement.marks(root))


def _tree(block: Block) -> Node:
    """Blanks at the edges of a pair are not in it."""
    root = Node(Atom(Kind.OPEN, ""), 0, len(block.shown), None)
    here = root
    at = 0
    for atom in block.atoms:
        end = at + len(atom.shown)
        if atom.kind is Kind.CLOSE:
            words = block.shown[here.start : at]
            here.start += len(words) - len(words.lstrip()) if words.strip() else 0
            here.end = here.start + len(words.strip())
            assert here.parent is not None
            here = here.parent
        elif atom.kind is not Kind.TEXT:
            node = Node(atom, at, end, here)
            here.children.append(node)
            if atom.kind is Kind.OPEN:
                here = node
        at = end
    return root


def _all(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _all(child)


class Misplaced(Exception):
    """What must not be translated has come out where its marks cannot follow."""


class _Placement:
    def __init__(
        self, answer: Answer, words: Sequence[Word], kept: dict[Atom, Span]
    ) -> None:
        self._answer = answer
        self._words = words
        self._starts = [word.start for word in words]
        self._kept = kept

    def fill(self, parent: Node) -> None:
        """Finds the words of all that is in it."""
        owners: dict[int, Node] = {}
        placed: list[Node] = []
        for node in parent.children:
            if node.atom.kind is Kind.KEPT:
                self._keep(node, parent)
                owners.update((i, node) for i in range(node.first, node.last))
                placed.append(node)
        pairs = [n for n in parent.children if n.is_pair and n.start < n.end]
        self._settle(pairs, parent, owners)
        for node in pairs:
            self._run(node, parent, owners)
            owners.update((i, node) for i in range(node.first, node.last))
            placed.append(node)
        for node in parent.children:
            if node not in placed:
                self._boundary(node, parent, placed)
                placed.append(node)
        for node in parent.children:
            if node.children:
                self.fill(node)

    def marks(self, parent: Node, at: int = 0) -> Iterator[Placed]:
        """Those in it, from there on, in order."""
        for node in sorted(parent.children, key=lambda n: (n.first, n.last)):
            start, end = self._characters(node, parent)
            start = max(start, at)
            at = max(end, start)
            if not node.is_pair:
                yield Placed(node.atom, start, at)
                continue
            assert node.atom.pair is not None
            yield Placed(node.atom, start, start)
            for placed in self.marks(node, start):
                yield placed
                at = max(at, placed.end)
            yield Placed(node.atom.pair, at, at)

    def _keep(self, node: Node, parent: Node) -> None:
        node.first, node.last = self._range(self._kept[node.atom])
        if node.first < parent.first or node.last > parent.last:
            raise Misplaced

    def _range(self, span: Span) -> tuple[int, int]:
        return (
            bisect_left(self._starts, span.start),
            bisect_left(self._starts, span.end),
        )

    def _settle(
        self, pairs: Sequence[Node], parent: Node, owners: dict[int, Node]
    ) -> None:
        """Words that come from one of several pairs more than from all else are its."""
        if len(pairs) < 2:
            return
        for node in pairs:
            for index in range(parent.first, parent.last):
                if self._score(node, index) > 0:
                    owners.setdefault(index, node)

    def _score(self, node: Node, index: int) -> float:
        word = self._words[index]
        if not word.links:
            return UNLINKED
        return word.weight_in(node.start, node.end) - word.weight / 2

    def _run(self, node: Node, parent: Node, owners: dict[int, Node]) -> None:
        """The words that a pair goes around: those with the greatest sum of scores."""
        if self._is_whole(node, parent):
            node.first, node.last = parent.first, parent.last
        else:
            self._best_run(node, parent, owners)
            self._punctuate(node, parent, owners)
        for span in self._inside(node):
            first, last = self._range(span)
            node.first, node.last = min(node.first, first), max(node.last, last)
        others = (owners.get(i, node) for i in range(node.first, node.last))
        if node.first < parent.first or node.last > parent.last:
            raise Misplaced
        if any(owner is not node for owner in others):
            raise Misplaced

    def _is_whole(self, node: Node, parent: Node) -> bool:
        """Whether all of the words around it are in it."""
        words = self._answer.source[parent.start : parent.end]
        inside = self._answer.source[node.start : node.end]
        return len(words.strip()) == len(inside.strip())

    def _inside(self, node: Node) -> Iterator[Span]:
        for child in _all(node):
            if child.atom.kind is Kind.KEPT:
                yield self._kept[child.atom]

    def _best_run(self, node: Node, parent: Node, owners: dict[int, Node]) -> None:
        best = total = 0.0
        begin = parent.first
        single, most = None, 0.0
        free: list[int] = []
        node.first = node.last = -1
        for index in range(parent.first, parent.last):
            if owners.get(index, node) is not node:
                begin, total = index + 1, 0.0
                continue
            free.append(index)
            weight = self._words[index].weight_in(node.start, node.end)
            if weight > most:
                single, most = index, weight
            if total <= 0:
                begin, total = index, 0.0
            total += self._score(node, index)
            if total > best:
                best, node.first, node.last = total, begin, index + 1
        if best > 0:
            return
        if single is None and free and not self._is_taken(node, parent):
            middle = self._proportional((node.start + node.end) / 2, parent)
            single = min(free, key=lambda index: abs(index - middle))
        if single is None:
            taken = list({id(each): each for each in owners.values()}.values())
            self._boundary(node, parent, [n for n in taken if n is not node])
        else:
            node.first, node.last = single, single + 1

    def _is_taken(self, node: Node, parent: Node) -> bool:
        """Whether its words are there, and others have them."""
        words = self._words[parent.first : parent.last]
        return any(word.weight_in(node.start, node.end) > 0 for word in words)

    def _punctuate(self, node: Node, parent: Node, owners: dict[int, Node]) -> None:
        """Marks that had a full stop inside have it inside; others do not."""
        if node.first >= node.last:
            return
        inside = not self._answer.source[node.end - 1].isalnum()
        while (
            not inside
            and node.last - node.first > 1
            and self._is_punctuation(node.last - 1)
        ):
            node.last -= 1
        if (
            inside
            and node.last < parent.last
            and not self._is_punctuation(node.last - 1)
            and self._is_punctuation(node.last)
            and self._words[node.last].start == self._words[node.last - 1].end
            and owners.get(node.last, node) is node
        ):
            node.last += 1

    def _is_punctuation(self, index: int) -> bool:
        word = self._words[index]
        return not self._answer.target[word.start].isalnum()

    def _proportional(self, at: float, parent: Node) -> int:
        """As far along in the parent's target as that is in its source."""
        size = max(1, parent.end - parent.start)
        share = min(1.0, max(0.0, (at - parent.start) / size))
        return parent.first + round(share * (parent.last - parent.first))

    def _boundary(self, node: Node, parent: Node, placed: Sequence[Node]) -> None:
        """Between which words a mark goes that has none inside."""
        inside = {
            index for each in placed for index in range(each.first + 1, each.last)
        }
        costs = self._costs(node.start, parent)
        nearest = self._proportional(node.start, parent)
        node.first = node.last = min(
            (index for index in costs if index not in inside),
            key=lambda index: (round(costs[index], 6), abs(index - nearest)),
        )

    def _costs(self, at: int, parent: Node) -> dict[int, float]:
        """For each place between words, how much of them is on the wrong side there."""
        if not self._answer.source[parent.start : at].strip():
            return {parent.first: 0.0, parent.last: 1.0}
        if not self._answer.source[at : parent.end].strip():
            return {parent.last: 0.0, parent.first: 1.0}
        words = self._words[parent.first : parent.last]
        before = [word.weight_in(0, at) for word in words]
        cost = sum(before)
        costs = {parent.first: cost}
        for index, (word, left) in enumerate(zip(words, before, strict=True)):
            cost += word.weight - 2 * left
            costs[parent.first + index + 1] = cost
        # The words it stood between count for more.
        last = len(self._answer.source[:at].rstrip()) - 1
        next_ = len(self._answer.source) - len(self._answer.source[at:].lstrip())
        for index, word in enumerate(words, start=parent.first):
            costs[index + 1] -= word.weight_in(last, last + 1) and BESIDE
            costs[index] -= word.weight_in(next_, next_ + 1) and BESIDE
        return costs

    def _characters(self, node: Node, parent: Node) -> tuple[int, int]:
        """What of the target a node takes the place of, or goes around."""
        if node.atom.kind is Kind.KEPT:
            span = self._kept[node.atom]
            return span.start, span.end
        if node.first < node.last:
            return self._words[node.first].start, self._words[node.last - 1].end
        words, target = self._words, self._answer.target
        left = words[node.first - 1].end if node.first else 0
        right = words[node.first].start if node.first < len(words) else len(target)
        if node.first == parent.last and parent.parent is not None:
            right = left
        if node.first == parent.first and parent.parent is not None:
            left = right
        if node.atom.line:
            return (left, right) if target[left:right].isspace() else (right, right)
        before = self._answer.source[: node.start]
        at = right if not before or before[-1].isspace() else left
        return at, at
