"""The bar on stderr that shows how far a long translation has come."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Counter:
    """Counts lines, or `noun`, and draws a bar where `total` bytes are to be read.

    On a terminal only; nothing is drawn into logs and pipes. The label stands first.
    """

    def __init__(
        self, total: int | None, visible: bool, label: str = "", noun: str = "lines"
    ) -> None:
        self._console = Console(stderr=True)
        name = (TextColumn(escape(label)),) if label else ()
        bar = (BarColumn(), TimeRemainingColumn()) if total else ()
        self._progress = Progress(
            *name,
            *bar,
            TextColumn(f"{{task.fields[lines]}} {noun}"),
            TextColumn("{task.fields[rate]:.0f} a second"),
            console=self._console,
            disable=not (visible and self._console.is_terminal),
        )
        self._task = self._progress.add_task("", total=total, lines=0, rate=0.0)
        self._lines = 0

    def add(self, lines: list[str]) -> None:
        """These are done."""
        self._lines += len(lines)
        task = self._progress.tasks[self._task]
        self._progress.update(
            self._task,
            advance=sum(len(line.encode()) + 1 for line in lines),
            lines=self._lines,
            rate=self._lines / max(task.elapsed or 0.0, 0.1),
        )

    def warn(self, text: str) -> None:
        """A line above the bar."""
        # One line, however long, for whoever looks for it.
        self._console.print(
            f"warning: {text}", markup=False, highlight=False, soft_wrap=True
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
