"""`onnxlate inspect` where the export extra is missing: the manifest alone."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.tree import Tree

from onnxlate.bundle import Bundle


def inspect(
    bundle: Annotated[Path, typer.Argument(help="The bundle, a directory.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what a bundle's manifest says; its files are checked against it.

    With `pip install 'onnxlate[export]'` it shows the graphs and draws pictures too.
    """
    manifest = Bundle.open(bundle).manifest
    if as_json:
        # As the export extra's inspect has it, but for what the graphs are made of.
        fields = manifest.model_dump(mode="json")
        print(json.dumps({"digest": manifest.digest(), "manifest": fields}))
        return
    tree = Tree(f"{bundle} (digest {manifest.digest()}, every file intact)")
    _grow(tree, manifest.model_dump(mode="json"))
    Console(highlight=False).print(tree)


def _grow(tree: Tree, value: dict[str, Any] | list[Any]) -> None:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for name, entry in entries:
        if isinstance(entry, dict) and {"name", "axes", "dtype"} <= set(entry):
            axes = ", ".join(str(axis) for axis in entry["axes"])
            tree.add(f"{entry['name']} {entry['dtype']} ({axes})")
        elif isinstance(entry, dict | list):
            _grow(tree.add(str(name)), entry)
        else:
            tree.add(f"{name}: {entry}")
