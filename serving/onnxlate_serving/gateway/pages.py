"""The page: a handful of files, read once, that browsers know by their tags."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).with_name("page")

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    compressed: bytes
    kind: str
    tag: str

    @classmethod
    def read(cls, path: Path) -> "Asset":
        content = path.read_bytes()
        return cls(
            content=content,
            compressed=gzip.compress(content, mtime=0),
            kind=TYPES[path.suffix],
            tag=f'"{sha256(content).hexdigest()[:16]}"',
        )

    def answer(self, request: Request) -> Response:
        """Nothing, if the browser has it."""
        # Asked for each time, which costs a millisecond, so that a new version of the
        # server never meets half of an old page.
        headers = {
            "ETag": self.tag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
        }
        known = request.headers.get("if-none-match", "").replace("W/", "")
        if self.tag in [each.strip() for each in known.split(",")]:
            return Response(status_code=304, headers=headers)
        content = self.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"], content = "gzip", self.compressed
        return Response(content, headers=headers, media_type=self.kind)


def routes() -> list[Route]:
    # What an editor leaves there is none of them.
    paths = [each for each in sorted(FOLDER.iterdir()) if each.suffix in TYPES]
    assets = {path.name: Asset.read(path) for path in paths if path.is_file()}
    found = [_route(f"/page/{name}", asset) for name, asset in assets.items()]
    return [
        _route("/", assets["index.html"]),
        _route("/favicon.ico", assets["icon.svg"]),
        *found,
    ]


def _route(path: str, asset: Asset) -> Route:
    async def answer(request: Request) -> Response:
        return asset.answer(request)

    return Route(path, answer)
