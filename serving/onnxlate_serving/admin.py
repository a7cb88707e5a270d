"""onnxlate.v1.AdminService: other models and versions, without a restart."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from grpc.aio import ServicerContext

from onnxlate.bundle import read_manifest
from onnxlate.errors import BundleError, Busy, InvalidRequest
from onnxlate.v1 import admin_pb2 as pb
from onnxlate.v1 import admin_pb2_grpc as pb_grpc
from onnxlate.v1 import translation_pb2

from .config import ServerConfig
from .deployment import Deployment
from .glossary import Glossaries
from .memory import free_what_went
from .metrics import Metrics
from .models import Models
from .service import described
from .sizes import MAX_ECHO, MAX_NAME_BYTES

log = logging.getLogger(__name__)

NAME = "onnxlate.v1.AdminService"

Result = TypeVar("Result")


class AdminService(pb_grpc.AdminServiceServicer):
    """Each method says in the proto what it does and what it answers."""

    def __init__(
        self,
        models: Models,
        metrics: Metrics,
        folder: Path,
        config: ServerConfig,
        glossaries: Glossaries,
    ) -> None:
        self._models = models
        self._metrics = metrics
        self._folder = folder
        self._config = config
        self._glossaries = glossaries
        self._change: asyncio.Task[Any] | None = None

    async def LoadModel(
        self,
        request: pb.LoadModelRequest,
        context: ServicerContext[pb.LoadModelRequest, translation_pb2.Model],
    ) -> translation_pb2.Model:
        path = self._path(request.folder)
        promote = request.promote or not request.HasField("promote")
        return await self._alone(self._load(path, promote))

    async def PromoteModel(
        self,
        request: pb.PromoteModelRequest,
        context: ServicerContext[pb.PromoteModelRequest, translation_pb2.Model],
    ) -> translation_pb2.Model:
        return await self._alone(self._promote(_version(request.name)))

    async def UnloadModel(
        self,
        request: pb.UnloadModelRequest,
        context: ServicerContext[pb.UnloadModelRequest, pb.UnloadModelResponse],
    ) -> pb.UnloadModelResponse:
        await self._alone(self._unload(_version(request.name)))
        return pb.UnloadModelResponse()

    async def _alone(self, change: Coroutine[Any, Any, Result]) -> Result:
        """Makes one change to its end, also if who wants it hangs up meanwhile."""
        if self._change and not self._change.done():
            change.close()
            raise Busy("another change is under way; try again when it is done")
        task = asyncio.create_task(change)
        self._change = task
        return await asyncio.shield(task)

    async def _load(self, path: Path, promote: bool) -> translation_pb2.Model:
        deployment = await self._served(path)
        if promote:
            self._models.promote(deployment)
        log.info("%s is served%s", deployment.full_name, " and meant" * promote)
        return described(deployment, self._models)

    async def _served(self, path: Path) -> Deployment:
        """That bundle, opened now, or by somebody before."""
        manifest = await asyncio.to_thread(read_manifest, path)
        if served := self._models.version(manifest.full_name):
            if served.manifest.digest() != manifest.digest():
                raise BundleError(
                    f"{served.full_name} is served already and is another bundle; "
                    "export this one with another --version"
                )
            return served
        fresh = await asyncio.to_thread(
            Deployment.open, path, self._config, self._glossaries
        )
        await fresh.start(self._config.hang_seconds)
        self._models.add(fresh)
        self._metrics.watch(fresh)
        return fresh

    async def _promote(self, name: str) -> translation_pb2.Model:
        deployment = self._models.find(name)
        self._models.promote(deployment)
        log.info("%s means %s", deployment.manifest.name, deployment.full_name)
        return described(deployment, self._models)

    async def _unload(self, name: str) -> None:
        await self._retire(name)
        free_what_went()  # here, where nobody has it any more

    async def _retire(self, name: str) -> None:
        deployment = self._models.find(name)
        self._models.remove(deployment)
        log.info("%s is served no more", deployment.full_name)
        await deployment.retire(self._config.drain_seconds)
        self._metrics.forget(deployment)

    def _path(self, folder: str) -> Path:
        """Raises InvalidRequest for what could lead out of the models' folder."""
        plain = folder and Path(folder).name == folder and "\0" not in folder
        plain = plain and len(folder.encode()) <= MAX_NAME_BYTES
        if not plain or folder.startswith("."):
            raise InvalidRequest(
                f"folder is {folder[:MAX_ECHO]!r}; it is the name of a folder in the "
                "models' folder"
            )
        return self._folder / folder


def _version(name: str) -> str:
    """Raises InvalidRequest for a bare name, which could mean any."""
    if "@" not in name:
        raise InvalidRequest(f"name is {name[:MAX_ECHO]!r}; NAME@VERSION is wanted")
    return name


def bundles_in(path: Path) -> list[Path]:
    """The bundles that lie in it, those that begin with a dot left out."""
    return sorted(
        each for each in path.iterdir() if each.is_dir() and each.name[0] != "."
    )
