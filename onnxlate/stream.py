"""What both kinds of stream remember of the pieces that passed."""

from .errors import InvalidRequest, ServerFailure
from .messages import Translation, effective, translation
from .v1 import translation_pb2 as pb


class StreamRecord:
    """Takes a stream's messages, gives their pieces, keeps the result."""

    def __init__(self) -> None:
        self._result: Translation | None = None

    def take(self, message: pb.TranslateStreamResponse) -> str:
        """The message's piece; "" if it has none."""
        if message.HasField("result"):
            self._result = translation(
                message.result, message, effective(message.options)
            )
        return message.piece

    def end(self) -> None:
        """Raises ServerFailure if the stream ended before its result came."""
        if self._result is None:
            raise ServerFailure("the server ended the stream without a result")

    @property
    def result(self) -> Translation:
        if self._result is None:
            raise InvalidRequest("the result is known once the last piece was read")
        return self._result
