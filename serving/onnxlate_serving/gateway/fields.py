"""What a request says, as JSON or as a form."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile
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
        async with request.form(max_files=1, max_fields=100) as form:
            return {
                name: value
                for name, value in form.items()
                if not isinstance(value, UploadFile)
            }
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
