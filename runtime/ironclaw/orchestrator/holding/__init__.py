"""Holds a run to the effects that were approved: what lies outside never becomes visible.

Requests are compared before a byte of them is sent.  Files are written into a copy of the tenant's folder;
only what is byte for byte what people approved is then put into the folder itself, by the host: by one at a
time of all the processes that share it.

``requests`` holds what is asked, ``copies`` what is written: by ``files``, under the ``locks`` that processes
share.  ``leaving`` finds what lies outside, and has the words for it.
"""

from ironclaw.orchestrator.holding.copies import COPY, LOCK, SPOOL, BeforeEffect, Holding
from ironclaw.orchestrator.holding.leaving import AGAIN, outside
from ironclaw.orchestrator.holding.requests import Requests

__all__ = ["AGAIN", "COPY", "LOCK", "SPOOL", "BeforeEffect", "Holding", "Requests", "outside"]
