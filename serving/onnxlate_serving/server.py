"""The whole server: opens bundles, listens, answers, and stops gracefully."""

import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2_grpc

from onnxlate.errors import BundleError, ConfigError, OnnxlateError
from onnxlate.v1 import admin_pb2_grpc
from onnxlate.v1 import translation_pb2_grpc as pb_grpc

from . import admin, health, kserve, kserve_pb2_grpc, service
from .address import Address
from .admin import AdminService, bundles_in
from .border import Border
from .by_name import ByName
from .call_log import Witness, log_call
from .caller import by_address, by_token
from .calls import Calls
from .config import ServerConfig
from .deployment import Deployment
from .gateway.process import Gateway, require_installed
from .glossary import Glossaries
from .health import Health
from .kserve import InferenceService
from .memory import give_large_blocks_back, spare_what_stays
from .metrics import Metrics
from .models import Models
from .service import TranslationService
from .tls import Tls
from .tokens import Tokens
from .traces import Traces
from .web import Pages, WebServer, metrics_page, verdict_page

log = logging.getLogger(__name__)

DEFAULT_BUNDLE = Path(__file__).with_name("default_bundle")

MINUTE_MS = 60_000

STREAMS = 10_000
"""Calls at a time on a connection, and calls that are yet to be taken up."""

OPTIONS = (
    # Two servers would share one port in silence, each with half of the calls.
    ("grpc.so_reuseport", 0),
    # A client that pings every ten seconds is careful, not an attacker; gRPC's own
    # limit of five minutes ends its connection in the middle of a call.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Connections are a bounded good. Clients of gRPC connect again by themselves.
    ("grpc.max_connection_idle_ms", 5 * MINUTE_MS),
    ("grpc.max_concurrent_streams", STREAMS),
    # Of calls that Python has not taken up yet gRPC ends some as CANCELLED from 1,000
    # on. They are for us to refuse, with a status that says when to come back.
    ("grpc.server.max_pending_requests", STREAMS),
    ("grpc.server.max_pending_requests_hard_limit", STREAMS),
    # In seconds; after 30 of them it would end those as CANCELLED too.
    ("grpc.server_max_unrequested_time_in_server", 3600),
)


LONGEST_MS = 65 * MINUTE_MS
"""From a connection's beginning to the end of the calls that are still on it."""


def ages(connection_seconds: float) -> tuple[tuple[str, int], ...]:
    """gRPC's options: how long connections are for, and calls on them."""
    age_ms = max(1, round(1000 * connection_seconds))
    return (
        ("grpc.max_connection_age_ms", age_ms),
        # A short one is for finding new servers, and not there to end long calls.
        ("grpc.max_connection_age_grace_ms", max(5 * MINUTE_MS, LONGEST_MS - age_ms)),
    )


class Server:
    """Bundles behind a port."""

    def __init__(self, config: ServerConfig) -> None:
        """Opens the bundles, which takes seconds; raises OnnxlateError."""
        self._config = config
        self._tls = Tls(config.tls) if config.tls else None
        self._tokens = Tokens(config.tokens) if config.tokens else None
        self._address = self._allowed(config.listen)
        web = self._allowed(config.metrics) if config.metrics else None
        self._page = self._allowed(config.web) if config.web else None
        if self._page:
            require_installed()
        self._gateway: Gateway | None = None
        self._metrics = Metrics()
        self._health = Health("", service.NAME, kserve.NAME)
        self._glossaries = Glossaries(config.glossaries)
        self._models = Models(
            [
                Deployment.open(path, config, self._glossaries)
                for path in paths_of(config)
            ]
        )
        self._web = WebServer(web, self._pages(), self._tls) if web else None
        self._traces = Traces(config.traces) if config.traces else None

    async def start(self) -> Address:
        """Listens, warms up, and only then says SERVING; the address in use."""
        self._calls = Calls()
        self._gateway = Gateway(self._config, self._page) if self._page else None
        self._grpc = grpc.aio.server(
            interceptors=[Border(self._metrics, self._tokens, self._witnesses())],
            options=(*OPTIONS, *ages(self._config.connection_seconds)),
        )
        services = ByName(self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, services)
        who = by_token(self._tokens) if self._tokens else by_address
        pb_grpc.add_TranslationServiceServicer_to_server(
            TranslationService(self._models, self._calls, self._metrics, who), services
        )
        kserve_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
            InferenceService(
                *(self._models, self._calls, self._metrics),
                *(who, lambda: self._health.serving),
            ),
            services,
        )
        if self._config.admin and self._config.models:
            self._administer(self._config.models, services)
        if self._config.reflection:
            self._reflect()
        try:
            port = self._listen()
        except RuntimeError as cause:
            raise ConfigError(f"cannot listen on {self._address}") from cause
        if self._web:
            self._web.start()
            log.info("metrics at %s://%s/metrics", self._web.scheme, self._web.address)
        await self._grpc.start()
        try:
            for deployment in self._models:
                await deployment.start(self._config.hang_seconds)
                self._metrics.watch(deployment)
        except OnnxlateError:
            await self.stop()
            raise
        self._health.say(serving=True)
        if self._gateway:
            await self._open_to_browsers(self._gateway)
        return Address(self._address.host, port)

    async def broken(self) -> None:
        """Waits until an engine has died or hangs; only a new process can mend it."""
        limit = self._config.hang_seconds
        while True:
            # Anew each time, since models come and go; and nobody is held on to.
            deaths = [
                asyncio.create_task(engine.dead.wait())
                for each in self._models
                for engine in each.engines
            ]
            _, waiting = await asyncio.wait(
                deaths, timeout=limit / 4, return_when=asyncio.FIRST_COMPLETED
            )
            for each in waiting:
                each.cancel()
            if self._has_died(limit):
                return

    def _has_died(self, limit_s: float) -> bool:
        for deployment in self._models:
            deployment.abandon_hanging(limit_s)
            if deployment.dead:
                return True
        return False

    async def drain(self) -> None:
        """Says NOT_SERVING, then refuses new calls, then waits for those under way."""
        self._health.say(serving=False)
        await asyncio.sleep(self._config.announce_seconds)
        self._calls.close()
        log.info("draining: %d calls under way", self._calls.count)
        try:
            await asyncio.wait_for(self._calls.idle(), self._config.drain_seconds)
        except TimeoutError:
            log.warning("draining took too long: %d calls are cut", self._calls.count)

    async def stop(self) -> None:
        """Ends every call and the engines' threads."""
        # Watchers of our health never hang up, so there is no waiting for everyone.
        self._health.say(serving=False)
        if self._gateway:
            await self._gateway.stop()
        await self._grpc.stop(grace=None)
        if self._web:
            await asyncio.to_thread(self._web.stop)
        for deployment in self._models:
            await deployment.stop()
        if self._traces:
            await asyncio.to_thread(self._traces.stop)

    def _witnesses(self) -> list[Witness]:
        witnesses: list[Witness] = [log_call] if self._config.log_calls else []
        return [*witnesses, self._traces.call] if self._traces else witnesses

    def _allowed(self, text: str) -> Address:
        """Where to listen; raises ConfigError if that is not wise, or not possible."""
        address = Address.parse(text)
        if not (address.loopback or self._tls or self._config.insecure):
            raise ConfigError(
                f"{address} is open to the network, and without TLS everyone there "
                "could read what is sent: give --tls-certificate and --tls-key, or "
                "--insecure if that is meant"
            )
        address.check_free()
        return address

    async def _open_to_browsers(self, gateway: Gateway) -> None:
        try:
            await gateway.start()
        except OnnxlateError:
            await self.stop()
            raise
        log.info("web page at %s", gateway.url)

    def _listen(self) -> int:
        if self._gateway:
            # A socket of files, in a folder of this user's alone. Who comes through it
            # needs a token no less than others.
            self._grpc.add_insecure_port(self._gateway.upstream)
        address = str(self._address)
        if self._tls:
            return self._grpc.add_secure_port(address, self._tls.credentials())
        return self._grpc.add_insecure_port(address)

    def _pages(self) -> Pages:
        return {
            "/metrics": metrics_page(self._metrics.text, self._tokens),
            "/healthz": verdict_page(
                lambda: not any(deployment.dead for deployment in self._models)
            ),
            "/readyz": verdict_page(lambda: self._health.serving),
        }

    def _administer(self, folder: Path, services: ByName) -> None:
        service = AdminService(
            self._models,
            self._metrics,
            folder,
            self._config,
            self._glossaries,
        )
        admin_pb2_grpc.add_AdminServiceServicer_to_server(service, services)

    def _reflect(self) -> None:
        from grpc_reflection.v1alpha import reflection

        admin_names = [admin.NAME] if self._config.admin else []
        names = (
            *(service.NAME, kserve.NAME, *admin_names),
            *(health.NAME, reflection.SERVICE_NAME),
        )
        reflection.enable_server_reflection(names, self._grpc)


def paths_of(config: ServerConfig) -> list[Path]:
    """The bundles to begin with; raises ConfigError, or BundleError for none at all."""
    paths = list(config.bundles)
    if config.models:
        if not config.models.is_dir():
            raise ConfigError(f"--models {config.models} is not a folder")
        found = bundles_in(config.models)
        if not (found or paths):
            raise BundleError(f"{config.models} has no folder in it, so no bundle")
        return paths + found
    return paths or [default_bundle()]


def default_bundle(path: Path = DEFAULT_BUNDLE) -> Path:
    """The bundle installed with the package; raises BundleError if there is none."""
    if not path.is_dir():
        raise BundleError(
            "no default model is installed; name a bundle: onnxlate serve BUNDLE"
        )
    return path


async def run(config: ServerConfig) -> int:
    """Serves until SIGTERM or SIGINT; the exit status.

    The first signal drains, the second ends at once. A dead engine ends it too.
    """
    signals = Signals((signal.SIGTERM, signal.SIGINT))
    server = await asyncio.to_thread(Server, config)
    log.info("settings %s", config.model_dump_json())
    if signals.arrived:  # while it was loading
        return 0
    address = await server.start()
    spare_what_stays()
    if not address.loopback:
        lacks = [
            name
            for name, given in (("TLS", config.tls), ("tokens", config.tokens))
            if not given
        ]
        if lacks:
            log.warning(
                "%s is open to the network without %s", address, " or ".join(lacks)
            )
    log.info("ready %s", address)
    asked = asyncio.create_task(signals.next())
    broken = asyncio.create_task(server.broken())
    await asyncio.wait({asked, broken}, return_when=asyncio.FIRST_COMPLETED)
    dead = not asked.done()
    if dead:
        log.error("an engine has died; whatever started this server may start another")
    draining = asyncio.create_task(server.drain())
    impatient = asked if dead else asyncio.create_task(signals.next())
    await asyncio.wait({draining, impatient}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, impatient, broken):
        task.cancel()
    await server.stop()
    if not impatient.cancelled() and impatient.done():
        return 128 + impatient.result()
    log.info("stopped")
    return 1 if dead else 0


class Signals:
    """The signals that ask this process to end, in order of arrival."""

    def __init__(self, wanted: Sequence[signal.Signals]) -> None:
        self._arrived: asyncio.Queue[int] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        for each in wanted:
            loop.add_signal_handler(each, self._arrived.put_nowait, each)

    @property
    def arrived(self) -> bool:
        """Whether one is there that `next` would not have to wait for."""
        return not self._arrived.empty()

    async def next(self) -> int:
        return await self._arrived.get()


def serve(config: ServerConfig) -> int:
    """Serves until told to stop; the exit status. Raises OnnxlateError at the start."""
    give_large_blocks_back()
    return asyncio.run(run(config))
