"""REST in LibreTranslate's shape, so that its clients work with this server.

https://github.com/LibreTranslate/LibreTranslate, as of its version 1.7; what it has
beyond translating (suggestions, users) is not here and says so.
"""

import asyncio
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onnxlate import AsyncClient
from onnxlate.answer import Format
from onnxlate.documents import suffixes
from onnxlate.messages import ServedModel, Translation

from .config import GatewayConfig
from .fields import Texts, fields_of, meant
from .languages import Guess, guesses, name_of
from .upstream import Upstream, for_pair, token_of
from .waiting import while_connected

MAX_ALTERNATIVES = 15
"""A beam of 16 is the widest that servers allow by default."""

AUTO = "auto"


class TranslateBody(BaseModel):
    """Of /translate; fields that are not here are for other servers."""

    q: Texts | str
    source: str
    target: str
    format: Literal["text", "html"] = "text"
    alternatives: Annotated[int, Field(ge=0, le=MAX_ALTERNATIVES)] = 0

    @property
    def texts(self) -> list[str]:
        return [self.q] if isinstance(self.q, str) else self.q


class DetectBody(BaseModel):
    q: Texts | str


class LibreTranslate:
    def __init__(self, upstream: Upstream, config: GatewayConfig) -> None:
        self._upstream = upstream
        self._config = config

    def routes(self) -> list[Route]:
        return [
            Route("/translate", self.translate, methods=["POST"]),
            Route("/detect", self.detect, methods=["POST"]),
            Route("/languages", self.languages),
            Route("/frontend/settings", self.settings),
            Route("/suggest", self.suggest, methods=["POST"]),
            Route("/health", self.health),
        ]

    async def translate(self, request: Request) -> Response:
        fields = await fields_of(request)
        body = meant(TranslateBody, fields)
        async with self._upstream.client(token_of(request, fields)) as client:
            models = await client.models()
            found: list[Guess] | None = None
            sources = [body.source] * len(body.texts)
            if body.source == AUTO:
                found = [await detected(text, models) for text in body.texts]
                sources = [each.language for each in found]
            translations = await while_connected(
                request, _translated(client, models, sources, body)
            )
        return JSONResponse(_said(translations, body, found))

    async def detect(self, request: Request) -> Response:
        fields = await fields_of(request)
        body = meant(DetectBody, fields)
        text = body.q if isinstance(body.q, str) else "\n".join(body.q)
        async with self._upstream.client(token_of(request, fields)) as client:
            found = await _guessed(text, await client.models())
        return JSONResponse([guess(each) for each in found])

    async def languages(self, request: Request) -> Response:
        # libretranslatepy sends its key in the body of a GET.
        token = token_of(request, await fields_of(request))
        async with self._upstream.client(token) as client:
            models = await client.models()
        targets: dict[str, list[str]] = {}
        for each in models:
            reached = targets.setdefault(each.source_language, [])
            if each.target_language not in reached:
                reached.append(each.target_language)
        return JSONResponse(
            [
                {"code": code, "name": name_of(code), "targets": reached}
                for code, reached in targets.items()
            ]
        )

    async def settings(self, request: Request) -> Response:
        """What is not secret, for everyone; languages for those who may see them."""
        said: dict[str, Any] = {
            "apiKeys": self._config.key_required,
            "keyRequired": self._config.key_required,
            "charLimit": self._config.max_text_bytes,
            "filesTranslation": True,
            "supportedFilesFormat": suffixes(),
            "frontendTimeout": 250,
            "suggestions": False,
        }
        token = token_of(request, {})
        if token or not self._config.key_required:
            async with self._upstream.client(token) as client:
                first = _default(await client.models())
            said["language"] = {
                "source": language(first.source_language),
                "target": language(first.target_language),
            }
        return JSONResponse(said)

    async def suggest(self, request: Request) -> Response:
        raise HTTPException(403, "suggestions are disabled on this server")

    async def health(self, request: Request) -> Response:
        """For probes, which have no token; the server's own health is open, too."""
        await self._upstream.check_health()
        return JSONResponse({"status": "ok"})


async def detected(text: str, models: list[ServedModel]) -> Guess:
    """The likeliest of the languages that can be translated."""
    return (await _guessed(text, models))[0]


def guess(each: Guess) -> dict[str, Any]:
    return {"confidence": each.confidence, "language": each.language}


def language(code: str) -> dict[str, str]:
    return {"code": code, "name": name_of(code)}


async def _translated(
    client: AsyncClient,
    models: list[ServedModel],
    sources: list[str],
    body: TranslateBody,
) -> list[Translation]:
    """Each by the model of its source language, whichever version is current by then:
    one that is unloaded meanwhile would leave the rest of a long list without."""
    by_model: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        model = for_pair(models, source, body.target)
        by_model.setdefault(model.name, []).append(index)
    num = 1 + body.alternatives
    widest = {each.name: _beam(each, num) for each in models if each.is_current}

    done: dict[int, Translation] = {}
    for name, places in by_model.items():
        translations = await client.translate(
            [body.texts[place] for place in places],
            model=name,
            format=Format(body.format),
            num_hypotheses=num if body.alternatives else None,
            beam_size=widest[name] if body.alternatives else None,
        )
        done.update(zip(places, translations, strict=True))
    return [done[index] for index in range(len(sources))]


def _said(
    translations: list[Translation], body: TranslateBody, found: list[Guess] | None
) -> dict[str, Any]:
    """Lists where a list was given."""
    columns: dict[str, list[Any]] = {
        "translatedText": [each.text for each in translations]
    }
    if found is not None:
        columns["detectedLanguage"] = [guess(each) for each in found]
    if body.alternatives:
        columns["alternatives"] = [_others(each) for each in translations]
    if isinstance(body.q, list):
        return columns
    return {name: values[0] for name, values in columns.items()}


def _others(translation: Translation) -> list[str]:
    """Two hypotheses may differ in their tokens and say the same."""
    texts = dict.fromkeys(each.text for each in translation.hypotheses)
    return list(texts)[1:]


def _beam(model: ServedModel, num_hypotheses: int) -> int:
    return max(num_hypotheses, model.default_options.get("beam_size") or 1)


def _default(models: list[ServedModel]) -> ServedModel:
    return min(models, key=lambda each: not each.is_default)


async def _guessed(text: str, models: list[ServedModel]) -> list[Guess]:
    sources = [each.source_language for each in models]
    return await asyncio.to_thread(guesses, text, sources)
