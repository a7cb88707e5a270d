"""Train, export, serve, call: what comes out at the end is what PyTorch says."""

import json
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from onnxlate import Client
from onnxlate.bundle import Bundle, file_info
from onnxlate.errors import BundleError
from onnxlate.search import Floats, Ints, SearchOptions
from onnxlate.text import Tokenizer
from onnxlate_serving import screen
from onnxlate_serving.config import RuntimeConfig, SchedulerConfig
from onnxlate_serving.native.programs import Programs
from onnxlate_serving.request import Request
from onnxlate_serving.runner import OnnxRunner
from onnxlate_serving.scheduler import Scheduler
from onnxlate_serving.screen import Screen
from onnxlate_serving.sessions import Sessions
from onnxlate_training.checkpoint import load_model
from onnxlate_training.recipe import DecodeConfig
from onnxlate_training.validation import translate

from .conftest import Product, onnxlate


def in_pytorch(run: Path, sources: list[str], beam_size: int) -> list[str]:
    loaded = load_model(run)
    return translate(
        loaded.model,
        sources,
        Tokenizer(loaded.source_tokenizer),
        Tokenizer(loaded.target_tokenizer),
        DecodeConfig().defaults,
        beam_size,
    )


def test_the_server_says_what_pytorch_says(product: Product) -> None:
    with Client(product.server) as client:
        for beam_size in (1, 5):
            served = client.translate(product.sources, beam_size=beam_size)
            expected = in_pytorch(product.run, product.sources, beam_size)

            assert [each.text for each in served] == expected


@dataclass(frozen=True, slots=True)
class Wish:
    """One text with options of its own."""

    text: str
    beam_size: int
    length_penalty: float
    max_target_tokens: int


def test_a_translation_does_not_depend_on_its_neighbours(product: Product) -> None:
    choose = random.Random(1)
    wishes = [
        Wish(
            text,
            beam_size=choose.choice((1, 1, 2, 4, 5)),
            length_penalty=choose.choice((0.0, 0.6, 1.0)),
            max_target_tokens=choose.choice((3, 20, 60)),
        )
        for text in product.sources
    ]

    def ask(client: Client, wish: Wish) -> str:
        [translation] = client.translate(
            [wish.text],
            beam_size=wish.beam_size,
            length_penalty=wish.length_penalty,
            max_target_tokens=wish.max_target_tokens,
        )
        return translation.text

    with Client(product.server) as client:
        alone = {wish: ask(client, wish) for wish in wishes}
        for _ in range(3):
            choose.shuffle(wishes)
            with ThreadPoolExecutor(max_workers=32) as together:
                texts = list(together.map(lambda wish: ask(client, wish), wishes))

            assert dict(zip(wishes, texts, strict=True)) == alone


def decoded(bundle: Bundle, requests: Sequence[Request]) -> list[tuple[int, ...]]:
    """What a runner finds; newcomers join two at a step."""
    sessions = Sessions(bundle, RuntimeConfig(device="cpu", threads=1))
    runner = OnnxRunner(bundle, sessions, max_rows=8)
    scheduler = Scheduler(SchedulerConfig(max_rows=8))
    coming = list(requests)
    found: dict[Request, tuple[int, ...]] = {}
    while len(found) < len(requests):
        scheduler.add([coming.pop() for _ in range(min(2, len(coming)))])
        for piece in runner.run(scheduler.schedule()):
            if piece.hypotheses:
                found[piece.request] = piece.hypotheses[0].tokens
                scheduler.finish(piece.request)
    return [found[each] for each in requests]


@pytest.mark.parametrize(
    ("by", "rows_worth_it"),
    [("onnxruntime", 1), ("onnxruntime", 4), ("a program", 1)],
    ids=["always", "now and then", "by a program"],
)
def test_rough_scores_choose_what_exact_ones_do(
    product: Product, monkeypatch: pytest.MonkeyPatch, by: str, rows_worth_it: int
) -> None:
    bundle = Bundle.open(product.bundle)
    tokenizer = Tokenizer(bundle.source_tokenizer)
    requests = [
        Request(
            tuple(tokenizer.encode(text)),
            SearchOptions(
                max_target_tokens=40,
                with_scores=at % 20 == 0,
                min_target_tokens=12 if at % 7 == 0 else 0,
            ),
        )
        for at, text in enumerate(product.sources)
    ]
    with monkeypatch.context() as without_programs:
        without_programs.setattr(Programs, "of", lambda *_: None)
        exact = decoded(bundle, requests)
    if by == "onnxruntime":
        monkeypatch.setattr(Programs, "of", lambda *_: None)
    assert len(set(map(len, exact))) > 3  # rows come and go

    model = bundle.manifest.model
    size = rows_worth_it * model.width * model.target_vocabulary
    monkeypatch.setattr(screen, "WORTH_IT", size)
    asked: list[int] = []
    choose = Screen.highest

    def highest(self: Screen, logits: Floats, rough: bool) -> Ints:
        if rough:
            asked.append(len(logits))
        return choose(self, logits, rough)

    monkeypatch.setattr(Screen, "highest", highest)

    assert decoded(bundle, requests) == exact
    if by == "onnxruntime":
        assert asked
        assert min(asked) >= rows_worth_it


def test_a_generator_of_another_size_is_refused(
    product: Product, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(product.bundle, folder)
    generator = folder / "generator.float32"
    with generator.open("ab") as file:
        file.write(b"more")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"][generator.name] = file_info(generator).model_dump()
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")

    with pytest.raises(BundleError, match="does not hold"):
        Sessions(Bundle.open(folder), RuntimeConfig(device="cpu"))


def test_streamed_pieces_are_the_translation(product: Product) -> None:
    with Client(product.server) as client:
        for beam_size in (1, 4):
            for source in product.sources[:10]:
                [whole] = client.translate([source], beam_size=beam_size)
                pieces = client.stream(source, beam_size=beam_size)

                assert "".join(pieces) == whole.text


def test_evaluate_scores_a_bundle_and_a_server_alike(
    product: Product, tmp_path: Path
) -> None:
    source, reference = tmp_path / "source", tmp_path / "reference"
    source.write_text("\n".join(product.sources[:20]) + "\n", encoding="utf-8")
    translations = in_pytorch(product.run, product.sources[:20], beam_size=5)
    reference.write_text("\n".join(translations) + "\n", encoding="utf-8")
    files = ("--source", source, "--reference", reference, "--beam-size", "5", "--json")

    by_server = json.loads(onnxlate("evaluate", "--server", product.server, *files))
    by_bundle = json.loads(onnxlate("evaluate", "--bundle", product.bundle, *files))

    # Against what PyTorch says, as the reference, the score is perfect.
    assert round(by_server["bleu"], 6) == 100
    assert by_bundle["bleu"] == by_server["bleu"]
