"""Which languages a model translates, and how it is told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from onnxlate.errors import ConfigError

NAMED = re.compile(r"opus-mt-(?:tc-\w+-)?([a-zA-Z_]+)-([a-zA-Z_]+)$")


@dataclass(frozen=True)
class Languages:
    """BCP 47, and what the model calls them, where it is not the same."""

    source: str
    target: str
    source_token: str | None = None
    target_token: str | None = None


def languages_of(
    folder_name: str, tokenizer_config: Mapping[str, Any], said: Mapping[str, str]
) -> Languages:
    """What is said, by the fields of Languages; or what the model's files say, or its
    name.

    Raises ConfigError if nobody does.
    """
    named = NAMED.search(folder_name)
    guesses = named.groups() if named else (None, None)
    found = []
    for side, key, guess in (
        ("source", "source_lang", guesses[0]),
        ("target", "target_lang", guesses[1]),
    ):
        language = said.get(side) or tokenizer_config.get(key) or guess
        if not language:
            raise ConfigError(
                f"what the {side} language is stands nowhere in {folder_name}; say it "
                f"with --{side}-language"
            )
        found.append(str(language))
    source, target = found
    return Languages(source, target, said.get("source_token"), said.get("target_token"))


def language_token(
    tokens: Mapping[str, str],
    side: Literal["source", "target"],
    languages: Languages,
    folder: Path,
) -> str | None:
    """The token of a side's language, from those there are, by language.

    None if the model has none. Raises ConfigError if it is not clear which.
    """
    wanted = languages.source_token if side == "source" else languages.target_token
    language = wanted or (languages.source if side == "source" else languages.target)
    if language in tokens:
        return tokens[language]
    if not tokens and not wanted:
        return None
    known = ", ".join(sorted(tokens)[:20]) + (", …" if len(tokens) > 20 else "")
    raise ConfigError(
        f"{folder} has no language token for {language!r}; choose one with "
        f"--{side}-token: {known or 'it has none at all'}"
    )
