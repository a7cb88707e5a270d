"""A corpus of any size, translated in shards by any number of processes.

Each line comes out once and in order, however often the processes are killed.
"""

from .job import Job
from .work import Summary, Work

__all__ = ["Job", "Summary", "Work"]
