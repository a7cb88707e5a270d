"""REST of our own: every option of the server by its name, and answers as a stream."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onnxlate import AsyncClient
from onnxlate.answer import Format
from onnxlate.errors import InvalidRequest
from onnxlate.messages import CallOptions, translate_request

from . import answers
from .fields import Fields, Texts, fields_of, meant
from .libre import AUTO, detected, guess
from .lines import lines_response
from .upstream import Upstream, for_pair, token_of
from .waiting import in_time, while_connected

MAX_TIMEOUT_S = 600.0


class _Asked(BaseModel):
    """What to translate; a model by its name, or by its languages."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    texts: Texts | None = None
    source: str | None = None
    target: str | None = None
    api_key: str | None = None


_OPTIONS: dict[str, Any] = {
    **{name: (hint, None) for name, hint in get_type_hints(CallOptions).items()},
    "format": (Format | None, None),
    "timeout_s": (Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)] | None, None),
}

TranslateBody = create_model("Options", __base__=_Asked, **_OPTIONS)
"""With all the client's options, under their names."""


def described_options() -> dict[str, Any]:
    """JSON schemas of it and of what it is made of, by their names."""
    schema = TranslateBody.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    return {**schema.pop("$defs", {}), "Options": schema}


class Ours:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def routes(self) -> list[Route]:
        return [
            Route("/v1/models", self.models),
            Route("/v1/translate", self.translate, methods=["POST"]),
            Route("/v1/translate/stream", self.stream, methods=["POST"]),
        ]

    async def models(self, request: Request) -> Response:
        async with self._upstream.client(token_of(request, {})) as client:
            models = await client.models()
        return JSONResponse({"models": [answers.model(each) for each in models]})

    async def translate(self, request: Request) -> Response:
        fields = await fields_of(request)
        asked = meant(TranslateBody, fields)
        texts = asked.texts if asked.text is None else [asked.text]
        if texts is None or (asked.text is not None and asked.texts is not None):
            raise InvalidRequest("give either text or texts")
        async with self._upstream.client(token_of(request, fields)) as client:
            options, found = await _options(client, asked, fields, texts[0])
            # A long list is several calls, and the limit is for all of them together.
            async with in_time(options.get("timeout_s")):
                done = await while_connected(
                    request, client.translate(texts, **options)
                )
        return JSONResponse(
            {"translations": [answers.answer(each) for each in done], **found}
        )

    async def stream(self, request: Request) -> Response:
        """Lines {"piece": ...}, and {"result": ...} as the last one."""
        fields = await fields_of(request)
        asked = meant(TranslateBody, fields)
        if asked.text is None or asked.texts is not None:
            raise InvalidRequest("give one text")
        pieces = self._pieces(asked, fields, token_of(request, fields))
        return await lines_response(request, pieces)

    async def _pieces(
        self, asked: _Asked, fields: Fields, token: str | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        text = asked.text or ""
        async with self._upstream.client(token) as client:
            options, found = await _options(client, asked, fields, text)
            # Leaving it cancels the call, so that nobody translates for nobody.
            async with client.stream(text, **options) as pieces:
                async for piece in pieces:
                    yield {"piece": piece}
            yield {"result": answers.answer(pieces.result), **found}


async def _options(
    client: AsyncClient, asked: _Asked, fields: Fields, text: str
) -> tuple[CallOptions, dict[str, Any]]:
    """What the client is told, and what was found out about the language."""
    wanted = set(get_type_hints(CallOptions)) & set(fields)
    options = cast(CallOptions, {name: getattr(asked, name) for name in wanted})
    _check(options)
    if asked.source is None and asked.target is None:
        return options, {}
    if asked.source is None or asked.target is None or options.get("model"):
        raise InvalidRequest("give a model, or source and target, or none of them")
    models, found, source = await client.models(), {}, asked.source
    if source == AUTO:
        best = await detected(text, models)
        source, found = best.language, {"detectedLanguage": guess(best)}
    options["model"] = for_pair(models, source, asked.target).name
    return options, found


def _check(options: CallOptions) -> None:
    """Raises InvalidRequest for what no message can hold, by its name alone."""
    for name, value in options.items():
        try:
            translate_request([], cast(CallOptions, {name: value}))
        except InvalidRequest as cause:
            raise InvalidRequest(f"{name} is out of range") from cause
