"""All that the gateway answers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from onnxlate import __version__

from . import pages
from .border import Border
from .config import GatewayConfig
from .downloads import Downloads
from .failures import HANDLERS
from .files import Files
from .libre import LibreTranslate
from .ours import Ours, described_options
from .upstream import Upstream

SPEC = Path(__file__).with_name("openapi.json")


@asynccontextmanager
async def application(config: GatewayConfig) -> AsyncIterator[ASGIApp]:
    async with Upstream(config.upstream) as upstream:
        app = Starlette(
            routes=[
                *pages.routes(),
                *LibreTranslate(upstream, config).routes(),
                *Files(upstream, Downloads()).routes(),
                *Ours(upstream).routes(),
                _spec(),
            ],
            middleware=_cors(config),
            exception_handlers=HANDLERS,
        )
        # Around what Starlette answers when all else has failed, too.
        yield Border(app)


def _cors(config: GatewayConfig) -> list[Middleware]:
    """None unless somebody is named: pages of others may not read our answers."""
    if not config.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=config.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            max_age=600,
        )
    ]


def _spec() -> Route:
    spec = json.loads(SPEC.read_text(encoding="utf-8"))
    spec["info"]["version"] = __version__
    spec["components"]["schemas"] |= described_options()

    async def answer(request: Request) -> Response:
        return JSONResponse(spec)

    return Route("/spec", answer)
