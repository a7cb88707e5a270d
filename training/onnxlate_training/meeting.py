"""Where the processes meet that torchrun has just started, or started again.

torchrun keeps one store of keys for a whole run, and after a restart it still has what
the processes before wrote: torch 2.13 then tries to reach dead ones, or waits for a
GPU's identifier that nobody has any more. So each start has a store of its own, at its
first process; where that is stands in torchrun's.
"""

import os
import time
import uuid
from datetime import timedelta

from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]

KEY, PROOF = "onnxlate/meeting", "onnxlate/proof"

PATIENCE = timedelta(minutes=5)
"""Until all have come; they load torch at different speeds."""

A_TRY = timedelta(seconds=3)
"""A store of processes that have died does not answer; a living one does at once."""


def meeting_place(rank: int) -> Store | None:
    """The store of this start, or None where torchrun has not one for all starts.

    Raises RuntimeError, as torch does, if nobody is met.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    lasting = TCPStore(host, port, timeout=PATIENCE)
    if rank == 0:
        # torchrun's own address is that of the first process's machine.
        ours = TCPStore(
            host, 0, is_master=True, timeout=PATIENCE, wait_for_workers=False
        )
        proof = uuid.uuid4().hex
        ours.set(PROOF, proof)
        lasting.set(KEY, f"{ours.port} {proof}")
        return ours
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while True:
        where, proof = lasting.get(KEY).decode().split()
        try:
            return _visited(host, int(where), proof)
        except RuntimeError:  # of processes before, or of another run on its port
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def keeps_out_latecomers() -> bool:
    """Whether torchrun shares its store among several machines.

    torch 2.13 then tells one that comes late, or comes back, of no place to meet.
    """
    environment = os.environ
    shared = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    here = environment.get("LOCAL_WORLD_SIZE", "1")
    return shared and int(environment.get("WORLD_SIZE", "1")) > int(here)


def _visited(host: str, port: int, proof: str) -> Store:
    """Raises RuntimeError if it is not there, or not the one that was meant."""
    store = TCPStore(host, port, timeout=A_TRY)
    if store.get(PROOF).decode() != proof:
        raise RuntimeError(f"{host}:{port} is another run's")
    store.set_timeout(PATIENCE)
    return store
