#!/usr/bin/env bash
# Multi30k with teachers: four of them, their translations, a student for each seed.
#
#   bash training/recipes/multi30k-en-de.sh FOLDER RUNS [SEED …]
#
# FOLDER has {train,val}.{en,de}.gz; what the teachers say is put into FOLDER/distilled.
set -euo pipefail
folder=$(realpath "$1")
runs=$2
shift 2
recipe=$(dirname "$0")/multi30k-en-de-distilled.toml
mkdir -p "$folder/distilled" "$runs"

teacher() {
  onnxlate train "$recipe" -o "$runs/$1" --resume --set data.folder="$folder" --set seed="${1#teacher-}" \
    --set 'data.train_source=["train.en.gz"]' --set 'data.train_target=["train.de.gz"]' "${@:2}"
}
consistent=(--set train.consistency=3 --set train.consistency_after=1000)
teacher teacher-1 --set model.feed_forward=256 --set model.dropout=0.3 --set train.max_updates=2440
teacher teacher-2 "${consistent[@]}" --set model.dropout=0.3 --set train.max_updates=2130
teacher teacher-3 "${consistent[@]}" --set model.width=256 --set model.dropout=0.35 --set train.max_updates=2040
teacher teacher-4 --set model.width=192 --set model.dropout=0.3 --set train.max_updates=2280

teachers=("$runs"/teacher-{1,2,3,4})
onnxlate distill "${teachers[@]}" --source "$folder/train.en.gz" -o "$folder/distilled/best.de" \
  --reference "$folder/train.de.gz" --nearest "$folder/distilled/nearest.de"

for seed in "${@:-1}"; do
  onnxlate train "$recipe" -o "$runs/student-$seed" --resume --set data.folder="$folder" --set seed="$seed"
done
