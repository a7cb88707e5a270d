#!/usr/bin/env bash
# The default model from Tatoeba's pairs: four teachers, their translations, a student.
#
#   bash training/recipes/tatoeba-en-de.sh FOLDER RUNS
#
# FOLDER has eng-deu.{train,valid,test}.{eng,deu}.gz and eng-cmn.train.eng.gz; what the
# teachers say is put into FOLDER/distilled. A GPU does it in some ten minutes if the
# teachers share it (run the four lines at once), two CPU cores in some days.
set -euo pipefail
folder=$(realpath "$1")
runs=$2
recipe=$(dirname "$0")/tatoeba-en-de.toml
mkdir -p "$folder/distilled" "$runs"

teacher() {
  onnxlate train "$recipe" -o "$runs/$1" --resume --set data.folder="$folder" --set seed="${1#teacher-}" \
    --set decode.length_penalty=1 --set 'data.train_source=["eng-deu.train.eng.gz"]' --set 'data.train_target=["eng-deu.train.deu.gz"]' "${@:2}"
}
larger=(--set model.width=256 --set model.encoder_layers=5 --set model.decoder_layers=4)
teacher teacher-1 "${larger[@]}" --set model.dropout=0.3 --set train.max_updates=1900
teacher teacher-2 "${larger[@]}" --set model.dropout=0.25 --set train.max_updates=1800 \
  --set train.consistency=3 --set train.consistency_after=1000
teacher teacher-3 --set model.dropout=0.2 --set train.max_updates=2160
teacher teacher-4 --set model.width=320 --set model.feed_forward=1280 --set model.decoder_layers=4 \
  --set model.dropout=0.35 --set model.attention_dropout=0.1 --set train.max_updates=1400

# English that stands in another pair of languages, and in no part of this one.
python - "$folder" <<'P'
import gzip, pathlib, sys

folder = pathlib.Path(sys.argv[1])


def lines(name):
    with gzip.open(folder / name, "rt", encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


def letters(text):
    return "".join(filter(str.isalnum, text.lower()))


seen = {letters(text) for part in ("train", "valid", "test") for text in lines(f"eng-deu.{part}.eng.gz")}
more = {letters(text): text for text in reversed(lines("eng-cmn.train.eng.gz"))}
new = [text for key, text in reversed(more.items()) if key and key not in seen]
(folder / "distilled/more.eng").write_text("".join(f"{text}\n" for text in new), encoding="utf-8")
P

teachers=("$runs"/teacher-{1,2,3,4})
onnxlate distill "${teachers[@]}" --source "$folder/eng-deu.train.eng.gz" -o "$folder/distilled/best.deu" \
  --reference "$folder/eng-deu.train.deu.gz" --nearest "$folder/distilled/nearest.deu"
onnxlate distill "${teachers[@]}" --source "$folder/distilled/more.eng" -o "$folder/distilled/more.deu"

onnxlate train "$recipe" -o "$runs/tatoeba-en-de" --resume --set data.folder="$folder"
