"""A bundle's engines, and nothing of what is around them: texts, layers, calls."""

from onnxlate.bundle import Bundle
from onnxlate.search import SearchOptions

from .bell import Bell
from .config import SchedulerConfig
from .engine import Engine
from .request import Request
from .runner import OnnxRunner
from .scheduler import Scheduler
from .sessions import Sessions


def build_engines(
    bundle: Bundle, sessions: Sessions, config: SchedulerConfig, widest: int = 1
) -> list[Engine]:
    """As many as there are workers; each may keep its share of what waits, and has rows
    for a beam of `widest` unless `config` says how many."""
    if sessions.device != "cpu":
        config = config.on_a_gpu()
    shares = {
        name: -(-getattr(config, name) // sessions.workers)
        for name in ("max_waiting", "max_waiting_tokens")
    }
    rows = config.max_rows or max(sessions.rows, widest)
    config = config.model_copy(update={**shares, "max_rows": rows})
    eos = bundle.manifest.special_ids.eos
    probe = Request((eos,), SearchOptions(max_target_tokens=1))
    engines = []
    for number in range(sessions.workers):
        bell = Bell()
        runner = OnnxRunner(bundle, sessions, rows, bell=bell)
        name = f"{bundle.manifest.name} {number}"
        engines.append(Engine(Scheduler(config), runner, name, probe, bell))
    return engines
