"""What the pages name is there: pages, headings, flags, keys."""

import re
from pathlib import Path

import pytest

from onnxlate.cli.commands import COMMANDS, Command
from onnxlate_training.recipe import load_recipe

ROOT = Path(__file__).parents[1]

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").rglob("*.md")]
)

BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> set[str]:
    """As GitHub calls them in addresses."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    words = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each).lower() for each in found)
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s…]+)\)", prose(page)):
        name, _, heading = link.partition("#")
        if name.startswith(("http:", "https:")):
            continue
        there = page.parent / name if name else page
        assert there.exists(), link
        assert not heading or heading in headings(there), link


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_both_readmes_name_every_page(readme: str) -> None:
    [named] = re.findall(r"^docs/ +(.*?)^Makefile", (ROOT / readme).read_text("utf-8"),
                         re.DOTALL | re.MULTILINE)  # fmt: skip

    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert set(re.findall(r"[\w-]+\.md", named)) == pages


def test_commands_have_the_flags_that_they_are_shown_with() -> None:
    flags = {each.name: flags_of(each) for each in COMMANDS}
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for name, rest in re.findall(r"onnxlate (\w+)([^`|;#\n]*)", text):
            shown = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", rest))
            assert shown <= flags.get(name, shown), f"{page}: onnxlate {name}{rest}"


def flags_of(command: Command) -> set[str]:
    found = {"--help"}
    for each in command.load().params:
        found.update(each.opts, each.secondary_opts)
    return found


def test_every_key_of_a_recipe_is_explained() -> None:
    text = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    recipe = load_recipe(ROOT / "training" / "recipes" / "numbers-en-de.toml")

    for name, value in recipe.model_dump().items():
        for key in value if isinstance(value, dict) else [name]:
            assert f"`{key}`" in text, f"{name}.{key}"
