"""Whole files: LibreTranslate's /translate_file, and one that tells how far it is."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onnxlate import AsyncClient
from onnxlate.errors import InvalidRequest
from onnxlate.messages import ServedModel

from .documents import Document, open_document
from .downloads import Downloads
from .fields import Fields, meant
from .languages import guesses
from .libre import AUTO
from .lines import lines_response
from .upstream import Upstream, for_pair, token_of
from .waiting import while_connected

CALL_UNITS = 8
"""Units in one call: a few seconds of work, so that there is progress to tell."""

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class FileBody(BaseModel):
    source: str
    target: str


class Files:
    def __init__(self, upstream: Upstream, downloads: Downloads) -> None:
        self._upstream = upstream
        self._downloads = downloads

    def routes(self) -> list[Route]:
        return [
            Route("/translate_file", self.translate, methods=["POST"]),
            Route("/v1/translate_file", self.translate_in_steps, methods=["POST"]),
            Route("/download_file/{key}/{name}", self.download),
        ]

    async def translate(self, request: Request) -> Response:
        """Where the translation can be fetched, when it is done."""
        name, data, fields = await _upload(request)
        steps = self._translated(name, data, fields, token_of(request, fields))

        async def last() -> dict[str, Any]:
            return [step async for step in steps][-1]

        step = await while_connected(request, last())
        return JSONResponse({"translatedFileUrl": _base(request) + step["path"]})

    async def translate_in_steps(self, request: Request) -> Response:
        """Lines of how far it is, the last of which says where the translation is."""
        name, data, fields = await _upload(request)
        steps = self._translated(name, data, fields, token_of(request, fields))
        return await lines_response(request, steps)

    async def download(self, request: Request) -> Response:
        kept = self._downloads.find(request.path_params["key"])
        if kept is None:
            raise HTTPException(404, "there is no such file any more")
        # Never shown as a page of ours, whatever it says.
        disposition = f"attachment; filename*=UTF-8''{quote(kept.name, safe='')}"
        return Response(
            kept.data,
            headers={
                "Content-Disposition": disposition,
                "Content-Type": "application/octet-stream",
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )

    async def _translated(
        self, name: str, data: bytes, fields: Fields, token: str | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """{"done": 3, "total": 7} ..., {"path": ..., "name": ...}."""
        body = meant(FileBody, fields)
        document = await asyncio.to_thread(open_document, name, data)
        async with self._upstream.client(token) as client:
            model = await _model(client, document, body)
            answers: list[str] = []
            for at in range(0, len(document.units), CALL_UNITS):
                yield {"done": at, "total": len(document.units)}
                translations = await client.translate(
                    document.units[at : at + CALL_UNITS],
                    model=model.full_name,
                    format=document.format,
                )
                answers += [each.text for each in translations]
        rebuilt = await asyncio.to_thread(document.rebuilt, answers)
        translated = _name(name, model.target_language)
        key = self._downloads.keep(translated, rebuilt)
        path = f"/download_file/{key}/{quote(translated, safe='')}"
        yield {"path": path, "name": translated}


async def _upload(request: Request) -> tuple[str, bytes, Fields]:
    """The file's name, what is in it, and the other fields."""
    async with request.form(max_files=1, max_fields=20) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise InvalidRequest("file: a form with a file is wanted")
        return file.filename, await file.read(), dict(form)


async def _model(
    client: AsyncClient, document: Document, body: FileBody
) -> ServedModel:
    models = await client.models()
    source = body.source
    if source == AUTO:
        sources = [each.source_language for each in models]
        text = "\n".join(document.units[:2])
        source = (await asyncio.to_thread(guesses, text, sources))[0].language
    return for_pair(models, source, body.target)


def _name(name: str, language: str) -> str:
    """ "letter.txt" as "letter.de.txt", without folders and what is no letter."""
    path = PurePath(re.sub(r"[^\w. ()+-]", "_", PurePath(name).name))
    return f"{path.stem[:100]}.{language}{path.suffix}"


def _base(request: Request) -> str:
    """How the caller reaches us; "" if that is no name of a host."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else ""
