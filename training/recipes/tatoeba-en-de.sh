#!/usr/bin/env bash
# The default model from Tatoeba's pairs, in three generations, a last step and four rounds.
#
#   bash training/recipes/tatoeba-en-de.sh FOLDER RUNS
#
# FOLDER has eng-deu.{train,valid,test}.{eng,deu}.gz and eng-cmn.{train,valid,test}.eng.gz;
# what models say is put into FOLDER/said. A GPU does all up to "third" in twelve minutes
# if those of a generation share it (start their lines at once, and MPS lets their kernels
# overlap), two CPU cores in some days. Those behind that took half an hour of a core for
# 1,000 updates. What is there already is not made again.
set -feuo pipefail
folder=$(realpath "$1")
runs=$(realpath -m "$2")
recipe=$(dirname "$0")/tatoeba-en-de.toml
mkdir -p "$folder/said" "$runs"
english=$folder/eng-deu.train.eng.gz
german=$folder/eng-deu.train.deu.gz

# A name, its updates and seed, and what else is different.
run() {
  onnxlate train "$recipe" -o "$runs/$1" --resume --set data.folder="$folder" \
    --set train.max_updates="$2" --set seed="$3" --set decode.length_penalty=1 "${@:4}"
}
# A name, and the runs that it is the mean of.
mean() {
  [ -e "$runs/$1" ] || onnxlate average "${@:2}" -o "$runs/$1"
}
# Texts of both sides, as the recipe writes them.
pairs() {
  echo --set data.train_source="[$1]" --set data.train_target="[$2]"
}
shape() {
  echo --set model.width="$1" --set model.encoder_layers="$2" --set model.decoder_layers="$3" \
    --set model.feed_forward="$4" --set model.dropout="$5" --set model.attention_dropout="${6:-0}"
}
de='"eng-deu.train.deu.gz"'
en='"eng-deu.train.eng.gz"'

# First: models that learn from people, to German and to English.
to_german=$(pairs "$en" "$de")
to_english="$(pairs "$de" "$en") --set data.source_language=de --set data.target_language=en
  --set data.valid_source=eng-deu.valid.deu.gz --set data.valid_target=eng-deu.valid.eng.gz
  --set augment.conjunctions=[[\"\u0020und\u0020\",\"\u0020and\u0020\"],[\",\u0020aber\u0020\",\",\u0020but\u0020\"]]"
run teacher-1 1443 1 $to_german $(shape 256 5 4 1024 0.3)
run teacher-2 1430 2 $to_german $(shape 320 4 4 1280 0.35 0.1)
run teacher-3 1610 3 $to_german $(shape 256 6 3 1024 0.25)
run teacher-4 1560 4 $to_german $(shape 384 4 3 1536 0.4 0.1)
run back-1 1507 5 $to_english $(shape 256 5 4 1024 0.3)
run back-2 1611 6 $to_english $(shape 320 4 3 1280 0.35 0.1)

# English that stands in another pair of languages, and in no part of this one.
python - "$folder" <<'P'
import gzip, pathlib, sys

folder = pathlib.Path(sys.argv[1])
PARTS = "train", "valid", "test"


def lines(name):
    with gzip.open(folder / name, "rt", encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


def letters(text):
    return "".join(filter(str.isalnum, text.lower()))


seen = {letters(text) for part in PARTS for text in lines(f"eng-deu.{part}.eng.gz")}
others = [text for part in PARTS for text in lines(f"eng-cmn.{part}.eng.gz")]
more = {letters(text): text for text in reversed(others)}
new = [text for key, text in reversed(more.items()) if key and key not in seen]
(folder / "said/more.eng").write_text("".join(f"{text}\n" for text in new), encoding="utf-8")
P

# What models say: prefix, then the models. Best, and nearest to what people said.
said() {
  local models=("${@:2}")
  onnxlate distill "${models[@]/#/$runs/}" --source "$english" -o "$folder/said/$1-best.deu" \
    --reference "$german" --nearest "$folder/said/$1-near.deu"
  onnxlate distill "${models[@]/#/$runs/}" --source "$folder/said/more.eng" -o "$folder/said/$1-more.deu"
}
said first teacher-{1,2,3,4}
onnxlate distill "$runs"/back-{1,2} --source "$german" -o "$folder/said/back-best.eng" \
  --reference "$english" --nearest "$folder/said/back-near.eng"

# Second: the model and larger ones learn from people and the first generation.
run second-1 3627 1
run second-2 3583 2
run larger-1 2943 3 $(shape 320 5 4 1280 0.25)
run larger-2 3099 4 $(shape 256 6 4 1024 0.2)
said second second-{1,2} larger-{1,2}

# Third: it goes on with what those say together,
going_on="--set schedule.warmup_updates=50 --set train.start_from"
run third 1007 12 $going_on="$runs/second-2" --set schedule.peak=0.0015 \
  $(pairs "$en,$en,$en,\"said/more.eng\",\"said/back-near.eng\"" \
    "$de,\"said/second-best.deu\",\"said/second-near.deu\",\"said/second-more.deu\",$de")
# and in the end with German that people wrote alone: models say things shorter. The
# mean of two such runs is better than both.
last="--set schedule.peak=0.0008 --set batch.max_tokens=4608 --set train.precision=bf16
  --set decode.length_penalty=1.5 $going_on=$runs/third"
run last-1 2000 21 $last $(pairs "$en,\"said/back-near.eng\"" "$de,$de")
run last-2 1400 23 $last --set model.dropout=0.15 \
  $(pairs "$en,\"said/back-near.eng\",\"said/back-best.eng\"" "$de,$de,$de")
mean last "$runs"/last-{1,2}

# And in rounds of short runs that differ in their seed and in what they learn beside
# people's text: their sentences as clauses of others, with infinitives and clauses about
# nouns, with rare words in other words' places. Each round begins at the mean of runs of
# those before, of which the last update counts. Of the model that shipped before the first
# round nothing was left but its bundle, so that the one that ships went on from what
# run_of_bundle.py made of that, not from "last".
PYTHONPATH=$(dirname "$0") python -m tatoeba_texts "$folder"
# A name, its seed, its text, where it begins, and what else is different.
more() {
  run "$1" 1000 "$2" --set schedule.peak=0.0008 --set batch.max_tokens=4608 \
    --set train.precision=bf16 --set decode.length_penalty=1.5 --set train.keep_last=1 \
    --set schedule.warmup_updates=50 --set train.start_from="$runs/$4" \
    $(pairs "$en,\"said/$3.eng\"" "$de,\"said/$3.deu\"") "${@:5}"
}
more rare-1 41 rare-1 last
more clauses-1 31 clauses-1 last --set train.max_updates=1200
more clauses-more-1 32 clauses-more-1 last --set train.max_updates=1200 --set model.dropout=0.15
mean round-1 "$runs"/{rare-1,clauses-1}
more rare-2 51 rare-2 round-1
more clauses-2 52 clauses-2 round-1
more phrases-2 53 phrases-2 round-1
more others-2 54 others-2 round-1
mean round-2 "$runs"/{rare-1,clauses-1,clauses-more-1,rare-2,clauses-2,phrases-2,others-2}
more rare-3 55 rare-3 round-2
more longer-3 56 longer-3 round-2
mean round-3 "$runs"/{rare-2,clauses-2,phrases-2,others-2,rare-3,longer-3}
# A mean has the length penalty of its first run; what these say is short.
more others-4 57 others-4 round-3 --set train.max_updates=800 --set decode.length_penalty=2
more longer-4 58 longer-4 round-3 --set train.max_updates=800
mean tatoeba-en-de "$runs"/{others-4,longer-4,rare-3,longer-3,rare-2,clauses-2,phrases-2,others-2}
