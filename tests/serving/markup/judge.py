"""What parsers that are not ours make of HTML."""

import warnings
from collections import Counter

import html5lib

Tag = tuple[str, tuple[tuple[str, str], ...]]
VALUES = frozenset({"alt", "aria-label", "placeholder", "title", "value"})
"""Attributes that people read, of those that the tests have."""


def tags(fragment: str) -> Counter[Tag]:
    """Every element with its attributes, every comment, as often as there is one."""
    found: Counter[Tag] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = html5lib.parseFragment(fragment, treebuilder="etree")
    for element in tree.iter():
        if callable(element.tag):
            found["comment", (("text", element.text),)] += 1
        else:
            found[element.tag, tuple(sorted(element.attrib.items()))] += 1
    return found


def without_values(found: Counter[Tag]) -> Counter[Tag]:
    """The same, whatever the words in attributes."""
    left: Counter[Tag] = Counter()
    for (name, attributes), count in found.items():
        left[name, tuple(each for each in attributes if each[0] not in VALUES)] += count
    return left
