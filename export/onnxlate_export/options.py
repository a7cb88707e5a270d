"""The options of `onnxlate export`, which has many."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

IMPORT = "Import"


class PrecisionName(StrEnum):
    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


class Destination(StrEnum):
    bundle = "bundle"
    onnx = "onnx"
    ctranslate2 = "ctranslate2"


Output = Annotated[
    Path, typer.Option("--output", "-o", help="The bundle, a new directory.")
]
Run = Annotated[Path | None, typer.Argument(help="A training run's folder.")]
Precision = Annotated[
    PrecisionName,
    typer.Option(help="fp32 is exact; int8 is small; fp16 is for GPUs."),
]
Version = Annotated[
    str | None,
    typer.Option(help="Of the model, for whoever serves it.", show_default="1"),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Where the run's corpus is now, if it has moved."),
]
Card = Annotated[
    Path | None,
    typer.Option(help="A text about the model: README.md in the bundle."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="The gate's figures as one line of JSON.")
]
To = Annotated[
    Destination,
    typer.Option(
        help="bundle is for our server; onnx is one of standard operators only; "
        "ctranslate2 is a directory for CTranslate2."
    ),
]
FromHf = Annotated[
    str | None,
    typer.Option(
        "--from-hf",
        help="A Hugging Face model in a run's place: its folder, or OWNER/NAME.",
        rich_help_panel=IMPORT,
    ),
]
Text = Annotated[
    Path | None,
    typer.Option(
        help="Sentences of the source language, for the gate; without, it makes "
        "some up.",
        rich_help_panel=IMPORT,
    ),
]
References = Annotated[
    Path | None,
    typer.Option(
        help="Translations of --text; int8 and fp16 are judged by them.",
        rich_help_panel=IMPORT,
    ),
]
Sentences = Annotated[
    int | None,
    typer.Option(
        help="At most so many for the gate; by default 256 of a run's, 64 of an "
        "import's.",
        min=1,
    ),
]
SourceLanguage = Annotated[
    str | None, typer.Option(help="BCP 47, as en.", rich_help_panel=IMPORT)
]
TargetLanguage = Annotated[
    str | None, typer.Option(help="BCP 47, as zh.", rich_help_panel=IMPORT)
]
SourceToken = Annotated[
    str | None,
    typer.Option(
        help="What a model of many languages calls the source's, as eng_Latn.",
        rich_help_panel=IMPORT,
    ),
]
TargetToken = Annotated[
    str | None,
    typer.Option(
        help="What a model of several targets calls it, as cmn_Hans.",
        rich_help_panel=IMPORT,
    ),
]
Name = Annotated[str | None, typer.Option(help="Of the model.", rich_help_panel=IMPORT)]
