"""Everything that can go wrong and has a user who can do something about it.

Each error says what was wrong, what was given and what to do. The command line
prints it in one line and exits with 2; the server turns it into a gRPC status.
"""


class OnnxlateError(Exception):
    """A mistake or condition with a remedy; its text is written for the user."""


class ConfigError(OnnxlateError):
    """A recipe, flag or setting that cannot be meant."""


class CorpusError(OnnxlateError):
    """Training or test text that cannot be used."""


class TrainingError(OnnxlateError):
    """A run that cannot go on: the loss is not a number, the disk is full."""


class ExportError(OnnxlateError):
    """A checkpoint that cannot become a bundle, the gate's refusal included."""


class BundleError(OnnxlateError):
    """A bundle that is missing, damaged, or of a format this version cannot read."""


class InvalidRequest(OnnxlateError):
    """A request that no server could answer as it stands."""


class SourceTooLong(InvalidRequest):
    """A text with more tokens than the model can read; truncation was not asked for."""


class ModelNotFound(OnnxlateError):
    """A model name or language pair that this server does not serve."""


class Unauthenticated(OnnxlateError):
    """The server wants a token, and this is none that it knows."""


class PermissionDenied(OnnxlateError):
    """The token is known, and not for this."""


class Overloaded(OnnxlateError):
    """Too much is waiting already; try again later."""


class Busy(OnnxlateError):
    """A change that another one, under way, keeps from beginning."""


class DeadlineExceeded(OnnxlateError):
    """The caller's time ran out before the answer was ready."""


class Unavailable(OnnxlateError):
    """The server cannot be reached, is starting, or is draining."""


class ServerFailure(OnnxlateError):
    """The server failed in a way that is not the caller's doing."""


class DocumentError(OnnxlateError):
    """A file to translate that cannot be read as what its name says it is."""
