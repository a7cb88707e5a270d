"""Made tests/bundles/v1, once: kept for the record, and not to be run again.

The bundle is a promise: whatever is written later must read it and translate with it
as on the first day. A model too small to be useful, trained for real to spell digits:
"4 0 7" is "four zero seven". Deterministic on one machine.
"""

import io
import json
import random
from pathlib import Path

import numpy as np
import sentencepiece
import torch

from onnxlate.search import Floats, Ints, SearchOptions
from onnxlate.text import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokenizer
from onnxlate_export.export import export_bundle
from onnxlate_export.stepper import OrtStepper
from onnxlate_training.checkpoint import LoadedModel
from onnxlate_training.decode import Bools, Rows, Stepper, decode_batch, pad
from onnxlate_training.loss import smoothed_loss
from onnxlate_training.model import ModelConfig, Transformer
from onnxlate_training.recipe import decode_defaults

BUNDLE = Path(__file__).with_name("v1")
WORDS = [
    *("zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine"),
]
MAX_DIGITS = 9
UPDATES = 4000
SEED = 1
LEAST_MARGIN = 1.0
"""Nats between the best and the second token: enough for any rounding."""


def pair(draw: random.Random) -> tuple[str, str]:
    digits = [draw.randrange(10) for _ in range(draw.randint(1, MAX_DIGITS))]
    return " ".join(map(str, digits)), " ".join(WORDS[each] for each in digits)


def train_tokenizer(path: Path) -> None:
    draw = random.Random(SEED)
    lines = [line for _ in range(2000) for line in pair(draw)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=48,  # words fall into two or three pieces
        hard_vocab_limit=True,
        pad_id=PAD_ID,
        unk_id=UNK_ID,
        bos_id=BOS_ID,
        eos_id=EOS_ID,
        normalization_rule_name="identity",  # the others bring a table of 240 kB
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())


def train(tokenizer: Tokenizer) -> Transformer:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    config = ModelConfig(
        width=16,
        heads=2,
        feed_forward=64,
        encoder_layers=1,
        decoder_layers=1,
        norm="pre",
        dropout=0.0,
        max_positions=64,
    )
    model = Transformer(config, len(tokenizer), len(tokenizer))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, UPDATES)
    draw = random.Random(SEED + 1)
    for update in range(UPDATES):
        pairs = [pair(draw) for _ in range(64)]
        source, source_visible = tensors([tokenizer.encode(one) for one, _ in pairs])
        target, target_visible = tensors(
            [[BOS_ID, *tokenizer.encode(other)] for _, other in pairs]
        )
        vectors = model(source, source_visible, target[:, :-1])
        kept = target_visible[:, 1:]
        loss = smoothed_loss(
            vectors[kept], model.generator.weight, target[:, 1:][kept], smoothing=0.0
        )
        loss = loss / kept.sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if update % 500 == 499:
            print(update + 1, f"{loss.item():.5f}")
    return model.eval()


def tensors(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    ids, visible = pad(rows)
    return torch.from_numpy(ids), torch.from_numpy(visible)


class Margins:
    """A stepper that notes by how much the best token of each row wins."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self.least = float("inf")

    def start(self, source_ids: Ints, source_visible: Bools) -> Rows:
        self._rows = self._stepper.start(source_ids, source_visible)
        return self

    def step(self, tokens: Ints) -> Floats:
        logits = self._rows.step(tokens)
        second, first = np.sort(logits, axis=1)[:, -2:].T
        self.least = min(self.least, float((first - second).min()))
        return logits

    def gather(self, parents: Ints) -> None:
        self._rows.gather(parents)


def expectations(tokenizer: Tokenizer) -> list[dict[str, object]]:
    stepper = OrtStepper(BUNDLE / "encoder.onnx", BUNDLE / "decoder.onnx", threads=1)
    margins = Margins(stepper)
    draw = random.Random(SEED + 2)
    found: list[dict[str, object]] = []
    for _ in range(24):
        source, wanted = pair(draw)
        ids = tokenizer.encode(source)
        for beam_size in (1, 4):
            options = SearchOptions(60, beam_size=beam_size, with_scores=True)
            judged = margins if beam_size == 1 else stepper
            ((best,),) = decode_batch(judged, [ids], [options])
            text = tokenizer.decode(best.tokens)
            if text != wanted:
                raise SystemExit(f"{source} became {text}: train it longer")
            found.append(
                {
                    "source": source,
                    "source_ids": ids,
                    "beam_size": beam_size,
                    "target_ids": list(best.tokens),
                    "target": text,
                    "log_prob": round(best.log_prob, 4),
                }
            )
    if margins.least < LEAST_MARGIN:
        raise SystemExit(f"a token won by {margins.least:.2f} nats: too close")
    print(f"closest token won by {margins.least:.2f} nats")
    return found


def main() -> None:
    if BUNDLE.exists():
        raise SystemExit(f"{BUNDLE} exists, and it is never regenerated")
    spelling = BUNDLE.with_name("joint.spm")
    train_tokenizer(spelling)
    tokenizer = Tokenizer(spelling)
    model = train(tokenizer)
    draw = random.Random(SEED + 3)
    sentences = [pair(draw) for _ in range(64)]
    loaded = LoadedModel(
        model=model,
        source_tokenizer=spelling,
        target_tokenizer=spelling,
        name="digits",
        source_language="zxx",
        target_language="en",
        max_source_tokens=64,
        max_target_tokens=64,
        defaults=decode_defaults(beam_size=4, length_penalty=1.0),
        provenance={"made_by": "tests/bundles/make_v1.py", "updates": UPDATES},
        validation_source=[one for one, _ in sentences],
        validation_reference=[other for _, other in sentences],
    )
    bundle = export_bundle(loaded, BUNDLE)
    spelling.unlink()
    print(bundle.manifest.gate)
    found = expectations(Tokenizer(bundle.source_tokenizer))
    lines = ",\n".join(json.dumps(each) for each in found)
    (BUNDLE / "expected.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
