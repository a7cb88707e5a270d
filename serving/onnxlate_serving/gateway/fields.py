"""What a request says, as JSON or as a form."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from onnxlate.errors import InvalidRequest

Fields = Mapping[str, Any]

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

Asked = TypeVar("Asked", bound=BaseModel)

MAX_TEXTS = 1000
"""In one request."""

Texts = Annotated[list[str], Field(min_length=1, max_length=MAX_TEXTS)]


async def fields_of(request: Request) -> Fields:
    """Raises InvalidRequest for what is not an object, HTTPException for other types.

    Files of a form are left out.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in FORMS:
        async with form_of(request, max_fields=MAX_TEXTS + 100) as form:
            return {name: _value(form, name) for name in _fields(form)}
    body = await request.body()
    if not body:
        return {}
    if kind != "application/json":
        raise HTTPException(415, "send application/json or a form")
    try:
        fields = json.loads(body)
        # Half a surrogate pair is JSON, and no character.
        json.dumps(fields, ensure_ascii=False).encode()
    # Thousands of brackets are no object either.
    except (ValueError, RecursionError) as cause:
        raise InvalidRequest("the body is not JSON of Unicode text") from cause
    if not isinstance(fields, dict):
        raise InvalidRequest("the body is not a JSON object")
    return fields


@asynccontextmanager
async def form_of(request: Request, max_fields: int) -> AsyncIterator[FormData]:
    """Raises InvalidRequest if its bytes are not what it says they are."""
    try:
        form = await request.form(max_files=1, max_fields=max_fields)
        # Some of Python's encodings have half a surrogate pair, too.
        for name, value in form.multi_items():
            text = (value.filename or "") if isinstance(value, UploadFile) else value
            (name + text).encode()
    except UnicodeError as cause:
        raise InvalidRequest("the form is not UTF-8") from cause
    try:
        yield form
    finally:
        await form.close()


def _fields(form: FormData) -> dict[str, None]:
    """Their names, in order; files are none."""
    return dict.fromkeys(
        name for name, value in form.multi_items() if isinstance(value, str)
    )


def _value(form: FormData, name: str) -> Any:
    """A list where the field is there several times, as OpenAPI has lists in forms."""
    values = [each for each in form.getlist(name) if isinstance(each, str)]
    return values if len(values) > 1 else values[0]


def meant(kind: type[Asked], fields: Fields) -> Asked:
    """Raises InvalidRequest that names the field, and says nothing of its content."""
    try:
        return kind.model_validate(fields)
    except ValidationError as cause:
        error = cause.errors(include_input=False, include_context=False)[0]
        # The rest says which of several types was tried.
        name = str(error["loc"][0]) if error["loc"] else "the request"
        known = name in kind.model_fields
        raise InvalidRequest(
            f"{name}: {error['msg']}" if known else _unknown(kind)
        ) from cause


def _unknown(kind: type[BaseModel]) -> str:
    """Of a field nobody knows, the name is the caller's, and not said back."""
    return f"a field has a name other than {', '.join(kind.model_fields)}"
