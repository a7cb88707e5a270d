#!/usr/bin/env bash
# Several machines with eight GPUs each; start it on every one of them:
#
#   HEAD=node1 NODES=2:4 bash training/recipes/several-nodes.sh RECIPE.toml RUN [--set …]
#
# HEAD is one of them, by the name that it has for itself and for the others. NODES is how
# many there are, or the fewest and the most: then the run goes on without a machine that is
# lost, and takes another in. RUN and the text lie where all of them see them. IFACE is the
# network interface between them where a machine has several (`ip -brief address`).
# The update is 32 batches, whoever is there: so there may be 32 GPUs at most.
# No such machines were at hand: torchrun was tried as it is here between two network
# namespaces, on CPUs (`python -m benchmarks hosts`).
set -euo pipefail
recipe=$1 run=$2
: "${HEAD:?the machine where the others meet}" "${NODES:?how many machines, or MIN:MAX}"
if [ -n "${IFACE:-}" ]; then
  export GLOO_SOCKET_IFNAME=$IFACE NCCL_SOCKET_IFNAME=$IFACE
fi
# Else torch 2.13 tells a machine that comes later, or again, of no place to meet.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1

exec torchrun --nnodes "$NODES" --nproc-per-node 8 --max-restarts 10 \
  --rdzv-backend c10d --rdzv-endpoint "$HEAD:29500" --rdzv-id "$(basename "$run")" \
  -m onnxlate train "$recipe" -o "$run" --resume \
  --set batch.accumulate=32 --set train.save_every=200 "${@:3}"
