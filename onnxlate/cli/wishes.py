"""Options of `translate` that say how tokens are chosen and words are to be put."""

from typing import Annotated

import typer

from onnxlate.answer import Sampling, Term
from onnxlate.errors import ConfigError

_CHOICE = "How tokens are chosen"
_WORDS = "Words"

Sample = Annotated[
    bool,
    typer.Option(
        "--sample",
        rich_help_panel=_CHOICE,
        help="Draw tokens instead of taking the likeliest; so do the four below.",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(rich_help_panel=_CHOICE, help="Less than 1 is surer of itself."),
]
TopK = Annotated[
    int | None,
    typer.Option(
        min=0, rich_help_panel=_CHOICE, help="Draw from so many tokens at most."
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=_CHOICE,
        help="Draw from the likeliest that have this probability together.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, rich_help_panel=_CHOICE, help="Equal seeds, equal draws."),
]
RepetitionPenalty = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=_CHOICE, help="From 1 on: makes repeated tokens less likely."
    ),
]
NoRepeatNgram = Annotated[
    int | None,
    typer.Option(
        min=0, rich_help_panel=_CHOICE, help="Say no run of so many tokens twice."
    ),
]
CoveragePenalty = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=_CHOICE,
        help="Above 0: of a beam, prefer what leaves less of the source out.",
    ),
]
MinTargetTokens = Annotated[
    int | None,
    typer.Option(min=0, rich_help_panel=_CHOICE, help="Shortest translation."),
]
Prefix = Annotated[
    str | None,
    typer.Option(rich_help_panel=_WORDS, help="What the translation begins with."),
]
Ban = Annotated[
    list[str] | None,
    typer.Option(
        rich_help_panel=_WORDS, help="A phrase that must not come. Repeatable."
    ),
]
Protect = Annotated[
    bool | None,
    typer.Option(
        "--protect/--no-protect",
        rich_help_panel=_WORDS,
        show_default="the server's: whole texts yes, lines no",
        help="Keep URLs, numbers, {names} and the like as they are.",
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        rich_help_panel=_WORDS, help="A phrase that is left as it is. Repeatable."
    ),
]
Terms = Annotated[
    list[str] | None,
    typer.Option(
        "--term",
        metavar="SOURCE=TARGET",
        rich_help_panel=_WORDS,
        help="How to translate a term. Repeatable.",
    ),
]
Glossary = Annotated[
    str | None,
    typer.Option(rich_help_panel=_WORDS, help="Name of a glossary of the server's."),
]
Tokens = Annotated[
    bool,
    typer.Option(
        "--tokens", rich_help_panel=_WORDS, help="With --json: each token's spelling."
    ),
]


def sampling(
    sample: bool,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
) -> Sampling | None:
    """None if nothing asks for it."""
    named = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    given = {name: value for name, value in named.items() if value is not None}
    return Sampling(**given) if sample or given else None  # type: ignore[arg-type]


def terms(pairs: list[str] | None) -> list[Term] | None:
    found = []
    for pair in pairs or ():
        source, sign, target = pair.partition("=")
        if not (sign and source.strip() and target.strip()):
            raise ConfigError(f"--term {pair!r} is not SOURCE=TARGET")
        found.append(Term(source, target))
    return found or None
