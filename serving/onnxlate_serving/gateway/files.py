"""Whole files: LibreTranslate's /translate_file, and one that tells how far it is."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import PurePath
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onnxlate import AsyncClient
from onnxlate.async_client import AsyncTranslateCall
from onnxlate.documents import (
    Document,
    Exchange,
    Journal,
    Outcome,
    Report,
    Settings,
    Work,
    open_document,
    translated_name,
)
from onnxlate.errors import InvalidRequest, ModelNotFound, Unavailable
from onnxlate.messages import CallOptions, ServedModel

from .downloads import Downloads
from .fields import Fields, form_of, meant
from .languages import MAX_CHARACTERS, guesses
from .libre import AUTO
from .lines import lines_response
from .upstream import Upstream, for_pair, token_of
from .waiting import while_connected

OPTIONS: CallOptions = {"timeout_s": 60.0}
"""For the texts of one call; a long one gets as much more."""

MAX_READERS = 2
"""Files that are read or laid back at a time."""

MAX_REMARKS = 100
"""That are told one by one; all are counted."""

TYPES = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".json": "application/json",
    ".po": "text/x-gettext-translation",
    ".srt": "application/x-subrip",
    ".tsv": "text/tab-separated-values",
}
"""Of what other programs open; the rest are bytes, which no browser makes a page of."""

_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


Result = TypeVar("Result")

Names = Annotated[list[str], Field(max_length=100)]


class FileBody(BaseModel):
    source: str
    target: str
    columns: Names = []
    keys: Names = []
    retranslate: bool = False
    fuzzy: bool = True

    @property
    def settings(self) -> Settings:
        return Settings(
            keys=tuple(self.keys),
            columns=tuple(self.columns),
            retranslate=self.retranslate,
            fuzzy=self.fuzzy,
        )


class Files:
    def __init__(self, upstream: Upstream, downloads: Downloads) -> None:
        self._upstream = upstream
        self._downloads = downloads
        # Threads of their own: a large file takes seconds to read, a bad one minutes,
        # and what is no file should not wait for that.
        self._readers = ThreadPoolExecutor(MAX_READERS, "files")

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
        url = _base(request) + step.pop("path")
        return JSONResponse({"translatedFileUrl": url, **step})

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
                "Content-Type": TYPES.get(
                    PurePath(kept.name).suffix.lower(), "application/octet-stream"
                ),
                "Content-Security-Policy": "sandbox; default-src 'none'",
            },
        )

    async def _translated(
        self, name: str, data: bytes, fields: Fields, token: str | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """{"done": 3, "total": 7} ..., {"path": ..., "name": ..., ...}."""
        body = meant(FileBody, fields)
        document = await self._read(lambda: open_document(name, data, body.settings))
        async with self._upstream.client(token) as client:
            model = await self._model(client, document, body)
            done: list[str] = []
            work = await self._read(
                lambda: Work(document, model, OPTIONS, Journal(None), done.extend)
            )
            with Exchange(
                work, lambda call: client.start(call.texts, **call.options)
            ) as exchange:
                while pending := exchange.oldest():
                    yield {"done": len(done), "total": work.num_units}
                    exchange.take(await _outcome(pending))
        rebuilt, report = await self._read(work.result)
        translated = translated_name(_plain(name), model)
        key = self._downloads.keep(translated, rebuilt)
        path = f"/download_file/{key}/{quote(translated, safe='')}"
        yield {"path": path, "name": translated, **_told(report)}

    async def _model(
        self, client: AsyncClient, document: Document, body: FileBody
    ) -> ServedModel:
        models = await client.models()
        source = body.source
        if source == AUTO:
            sources = [each.source_language for each in models]
            source = await self._read(lambda: _source(document, sources))
        return for_pair(models, source, body.target)

    async def _read(self, work: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, work)


async def _outcome(pending: AsyncTranslateCall) -> Outcome:
    try:
        return await pending.result()
    except InvalidRequest as error:
        return error
    except ModelNotFound as cause:
        # It was there when the file came, and a file is translated by one version.
        raise Unavailable("the model was replaced meanwhile") from cause


async def _upload(request: Request) -> tuple[str, bytes, Fields]:
    """The file's name, what is in it, and the other fields."""
    async with form_of(request, max_fields=200) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise InvalidRequest("file: a form with a file is wanted")
        lists = {name: form.getlist(name) for name in ("columns", "keys")}
        return file.filename, await file.read(), {**form, **lists}


def _source(document: Document, languages: list[str]) -> str:
    """The likeliest language of the first texts."""
    texts = [unit.text for unit in document.units[:MAX_CHARACTERS]]
    return guesses("\n".join(texts), languages)[0].language


def _plain(name: str) -> str:
    """Without folders, what is no letter, and more letters than a disk takes."""
    path = PurePath(re.sub(r"[^\w. ()+-]", "_", PurePath(name).name))
    return f"{path.stem[:100]}{path.suffix}"


def _told(report: Report) -> dict[str, Any]:
    return {
        "units": report.units,
        "untranslated": report.untranslated,
        "warning_counts": report.counts,
        "warnings": [asdict(remark) for remark in report.remarks[:MAX_REMARKS]],
    }


def _base(request: Request) -> str:
    """How the caller reaches us; "" if that is no name of a host."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else ""
