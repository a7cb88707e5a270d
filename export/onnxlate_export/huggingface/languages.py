"""Which languages a model translates, and how it is told."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnxlate.errors import ConfigError

NAMED = re.compile(r"opus-mt-(?:tc-\w+-)?([a-zA-Z_]+)-([a-zA-Z_]+)$")
TOKEN = re.compile(r">>(.+)<<")


@dataclass(frozen=True)
class Languages:
    source: str
    target: str


def languages_of(
    folder_name: str,
    tokenizer_config: dict[str, Any],
    source: str | None,
    target: str | None,
) -> Languages:
    """What is said, or what the model's files say, or its name.

    Raises ConfigError if nobody does.
    """
    named = NAMED.search(folder_name)
    guesses = named.groups() if named else (None, None)
    found = []
    for side, said, key, guess in (
        ("source", source, "source_lang", guesses[0]),
        ("target", target, "target_lang", guesses[1]),
    ):
        language = said or tokenizer_config.get(key) or guess
        if not language:
            raise ConfigError(
                f"what the {side} language is stands nowhere in {folder_name}; say it "
                f"with --{side}-language"
            )
        found.append(str(language))
    return Languages(*found)


def language_token(
    names: Iterable[str], wanted: str | None, target: str, folder: Path
) -> str | None:
    """The token that stands before every source of a model with several targets.

    None if the model has one target. Raises ConfigError if it is not clear which.
    """
    tokens = {match[1]: match[0] for name in names if (match := TOKEN.fullmatch(name))}
    language = wanted or target
    if language in tokens:
        return tokens[language]
    if not tokens and not wanted:
        return None
    known = ", ".join(sorted(tokens)[:20]) + (", …" if len(tokens) > 20 else "")
    raise ConfigError(
        f"{folder} has no language token for {language!r}; choose one with "
        f"--language-token: {known or 'it has none at all'}"
    )
