"""What is in a bundle, for people and for programs."""

from collections import Counter
from pathlib import Path
from typing import Any

import onnx
from rich.console import Group
from rich.table import Table

from onnxlate.bundle import AttentionInfo, Bundle, GraphInfo, Manifest


def describe(bundle: Bundle) -> dict[str, Any]:
    """The manifest, its digest, and what the graphs are made of."""
    return {
        "digest": bundle.manifest.digest(),
        "manifest": bundle.manifest.model_dump(mode="json"),
        "operators": {
            path.name: _operators(path)
            for path in (bundle.encoder, bundle.decoder, bundle.attention)
            if path
        },
    }


def _operators(path: Path) -> dict[str, int]:
    """Operator -> how many of it, most frequent first."""
    graph = onnx.load(path, load_external_data=False).graph
    return dict(Counter(node.op_type for node in graph.node).most_common())


def tables(bundle: Bundle) -> Group:
    manifest = bundle.manifest
    operators = describe(bundle)["operators"]
    graphs = [
        ("Encoder", manifest.encoder),
        ("Decoder, one token per row", manifest.decoder),
    ]
    if manifest.attention:
        graphs.append(("Attention, a whole translation", manifest.attention.graph))
    return Group(
        _facts(bundle, manifest),
        *(_graph(title, graph, operators[graph.file]) for title, graph in graphs),
        _files(manifest),
        _gate(manifest),
    )


def _facts(bundle: Bundle, manifest: Manifest) -> Table:
    model, limits, defaults = manifest.model, manifest.limits, manifest.defaults
    table = _table(f"{manifest.name} {manifest.version}", "", "")
    table.add_row("digest", manifest.digest())
    table.add_row("format", f"{manifest.format}, written by {manifest.written_by}")
    languages = f"{manifest.source_language} → {manifest.target_language}"
    table.add_row("languages", languages)
    table.add_row("precision", manifest.precision)
    table.add_row(
        "model",
        f"{model.encoder_layers}+{model.decoder_layers} layers, width {model.width}, "
        f"{model.heads} heads, {model.parameters:,} parameters",
    )
    table.add_row(
        "vocabulary", f"{model.source_vocabulary:,} → {model.target_vocabulary:,}"
    )
    table.add_row(
        "limits",
        f"{limits.max_source_tokens} → {limits.max_target_tokens} tokens",
    )
    penalties = f"length penalty {defaults.length_penalty:g}"
    if defaults.coverage_penalty:
        penalties += f", coverage penalty {defaults.coverage_penalty:g}"
    table.add_row("defaults", f"beam {defaults.beam_size}, {penalties}")
    for key, value in manifest.provenance.items():
        table.add_row(key, str(value))
    return table


def _graph(title: str, graph: GraphInfo, operators: dict[str, int]) -> Table:
    table = _table(f"{title}: {graph.file}", "", "name", "type", "axes")
    for kind, tensors in (("in", graph.inputs), ("out", graph.outputs)):
        for each in tensors:
            axes = ", ".join(str(axis) for axis in each.axes)
            table.add_row(kind, each.name, each.dtype, axes)
    most = ", ".join(f"{count} {name}" for name, count in list(operators.items())[:6])
    table.caption = f"{sum(operators.values())} operators: {most}, …"
    return table


def _files(manifest: Manifest) -> Table:
    table = _table("Files", "name", "bytes", "SHA-256")
    for name, info in manifest.files.items():
        table.add_row(name, f"{info.bytes:,}", info.sha256)
    return table


def _gate(manifest: Manifest) -> Table:
    gate = manifest.gate
    table = _table(f"Export gate: {gate.text}", "", "equal to PyTorch")
    table.add_row("greedy", f"{gate.greedy_equal} of {gate.sentences}")
    table.add_row(f"beam {gate.beam_size}", f"{gate.beam_equal} of {gate.sentences}")
    table.add_row("logits", f"within {gate.max_logit_difference:.2g}")
    if gate.bleu is not None and gate.bleu_pytorch is not None:
        table.add_row("BLEU", f"{gate.bleu:.2f} (PyTorch {gate.bleu_pytorch:.2f})")
    if gate.chrf is not None and gate.chrf_pytorch is not None:
        table.add_row("chrF", f"{gate.chrf:.2f} (PyTorch {gate.chrf_pytorch:.2f})")
    if manifest.attention:
        _alignment(table, manifest.attention)
    return table


def _alignment(table: Table, attention: AttentionInfo) -> None:
    chosen = attention.alignment
    heads = ", ".join(f"{each.layer}.{each.head}" for each in chosen.heads)
    table.add_row("attention", f"within {attention.max_difference:.2g}")
    table.add_row(
        "aligned by",
        f"layer.head {heads}, at the step that {VERBS[chosen.step]} a token; it links "
        f"{chosen.copied_linked} of {chosen.copied_words} copied words to themselves",
    )


VERBS = {"fed": "is fed", "scored": "scores"}


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
