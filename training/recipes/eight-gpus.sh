#!/usr/bin/env bash
# One machine with eight GPUs, one process on each:
#
#   bash training/recipes/eight-gpus.sh RECIPE.toml RUN [--set section.key=value …]
#
# A process that dies makes torchrun start all of them again, from the newest checkpoint.
# The update is 16 batches, two for each GPU, and is the same on 1, 2, 4, 8 or 16 of them.
# No such machine was at hand: this is torchrun as it was tried with processes on CPUs.
set -euo pipefail
recipe=$1 run=$2

# Read, clean and cut the text before eight GPUs wait for it.
onnxlate train "$recipe" -o "$run" --resume --prepare \
  --set batch.accumulate=16 --set train.save_every=200 "${@:3}"

exec torchrun --standalone --nproc-per-node 8 --max-restarts 10 \
  -m onnxlate train "$recipe" -o "$run" --resume \
  --set batch.accumulate=16 --set train.save_every=200 "${@:3}"
