"""One version of one model, from its files to its engines."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from onnxlate.bundle import Bundle, Manifest
from onnxlate.errors import BundleError, ConfigError, InvalidRequest, OnnxlateError

from .caller import Caller
from .calls import Calls
from .config import (
    FEW,
    FULL,
    NO_MORE,
    WIDE,
    RequestLimits,
    SchedulerConfig,
    ServerConfig,
)
from .crew import Crew
from .engine import Engine
from .engines import build_engines
from .glossary import Glossaries
from .layers import Layers
from .looking import Looking
from .options import TranslateOptions
from .sessions import Sessions
from .translation import TextPiece, Translation
from .translator import NO_GLOSSARIES, Translator

log = logging.getLogger(__name__)


class Deployment:
    """Decodes with a bundle, beside others in the same server."""

    def __init__(
        self,
        bundle: Bundle,
        engines: Sequence[Engine],
        limits: RequestLimits,
        max_cached: int = 0,
        glossaries: Glossaries = NO_GLOSSARIES,
        looking: Looking | None = None,
        few: int = FEW,
    ) -> None:
        """`few` rows are decoded in hardly more time than one."""
        self.manifest: Manifest = bundle.manifest
        self.digest = self.manifest.digest()
        """Names the very bundle."""
        self.engines = engines
        self._looking = looking
        narrow = bundle.manifest.model.width < WIDE
        rows = (each.state().max_rows for each in engines)
        # Such a call costs the event loop as much as the engine, unless rows cost more.
        few_lone = min(FULL, *rows) if narrow and few > NO_MORE else few
        sentences = Translator(
            *(bundle, Crew(engines, few, few_lone), limits),
            *(max_cached, glossaries, looking),
        )
        self.layers = Layers(sentences, bundle, limits, glossaries)
        self.translator = self.layers.top
        # Of one engine each, to warm all of them up; nobody needs them afterwards.
        self._first = [
            Translator(bundle, Crew([each]), limits, looking=looking)
            for each in engines
        ]
        self.calls = Calls()
        """Those that this version answers."""

    @classmethod
    def open(
        cls,
        path: Path,
        config: ServerConfig,
        glossaries: Glossaries = NO_GLOSSARIES,
    ) -> "Deployment":
        """Takes seconds; raises OnnxlateError."""
        bundle = Bundle.open(path)
        sessions = Sessions(bundle, config.runtime)
        try:
            widest = config.limits.max_beam_size
            engines = build_engines(bundle, sessions, config.scheduler, widest)
            looking = looking_at(bundle, sessions, config.scheduler)
            deployment = cls(
                *(bundle, engines, config.limits, config.max_cached),
                *(glossaries, looking, sessions.few),
            )
        except OnnxlateError:
            raise
        except Exception as cause:  # what a manifest says may be untrue in any way
            log.exception("%s cannot be served", path)
            raise BundleError(f"{path} cannot be served; the log says why") from cause
        log.info(
            "model %s (%s, %s by %s, %d workers, %d threads each)",
            *(deployment.full_name, bundle.manifest.precision),
            *(sessions.device, sessions.run_by),
            *(sessions.workers, sessions.threads),
        )
        return deployment

    @property
    def full_name(self) -> str:
        """NAME@VERSION, which nobody else in the server has."""
        return self.manifest.full_name

    def in_effect(self, options: TranslateOptions) -> TranslateOptions:
        """With what was left unsaid; raises InvalidRequest for what cannot be."""
        return self.layers.sentences.in_effect(options)

    async def translate(
        self, texts: Sequence[str], options: TranslateOptions, caller: Caller
    ) -> list[Translation]:
        """As the translator does; but where there is no room, no layer begins, since in
        a crowd nearly every call ends here."""
        self.layers.sentences.check_room(texts, caller)
        with self.calls.one():
            return await self.translator.translate(texts, options, caller)

    @asynccontextmanager
    async def streaming(
        self, text: str, options: TranslateOptions, caller: Caller
    ) -> AsyncIterator[AsyncGenerator[TextPiece, None]]:
        """The same as a stream. A client that hangs up cancels who reads it; leaving,
        and not the collector, is how the engine hears of it."""
        self.layers.sentences.check_room([text], caller)
        with self.calls.one():
            pieces = self.translator.stream(text, options, caller)
            async with aclosing(pieces):
                yield pieces

    @property
    def dead(self) -> bool:
        """Whether an engine has died."""
        return any(engine.dead.is_set() for engine in self.engines)

    async def start(self, limit_s: float) -> None:
        """Translates once with each engine: what that allocates, it has then.

        Raises ConfigError or BundleError, with every engine stopped again; also if one
        of them takes longer than `limit_s`.
        """
        for engine in self.engines:
            engine.start()
        options = TranslateOptions(max_target_tokens=1, truncate_source=True)
        try:
            while self._first:
                translator = self._first.pop(0)
                await asyncio.wait_for(translator.translate(["1"], options), limit_s)
        except InvalidRequest as cause:
            await self.stop()
            raise ConfigError(
                f"model {self.full_name} cannot be served with these limits: by "
                f"default, {cause}; allow that, or export with another default"
            ) from cause
        except TimeoutError as cause:
            for engine in self.engines:
                engine.abandon()
            raise BundleError(
                f"model {self.full_name} has not done a first translation in "
                f"{limit_s:g} s"
            ) from cause
        except Exception as cause:
            log.error("a first translation failed", exc_info=cause)
            await self.stop()
            raise BundleError(
                f"model {self.full_name} does not survive a first translation; "
                "the log says why"
            ) from cause

    def abandon_hanging(self, limit_s: float) -> None:
        """Gives up engines whose step has taken longer."""
        for engine in self.engines:
            if engine.seconds_at_step > limit_s:
                engine.abandon()

    async def retire(self, patience_s: float) -> None:
        """Waits so long for the calls it has, then ends."""
        try:
            await asyncio.wait_for(self.calls.idle(), patience_s)
        except TimeoutError:
            log.warning("%s: %d calls are cut", self.full_name, self.calls.count)
        await self.stop()

    async def stop(self) -> None:
        """Ends the engines' threads, and every call that still waits for them."""
        for engine in self.engines:
            await engine.stop()
        if self._looking:
            self._looking.stop()


def looking_at(
    bundle: Bundle, sessions: Sessions, config: SchedulerConfig
) -> Looking | None:
    """None of a bundle that cannot tell where it looked."""
    info = bundle.manifest.attention
    if info is None:
        return None
    return Looking(bundle.manifest, info, sessions, config.max_waiting)
