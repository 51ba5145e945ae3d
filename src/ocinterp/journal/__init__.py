"""Every paid or slow act, keyed by what was asked: done once, written down before it is handed out, never over budget."""

from ocinterp.journal.acts import Done, Journal, Ticket, ticket
from ocinterp.journal.contents import Entry, Report
from ocinterp.journal.costs import FREE, NOTHING, UNLIMITED, Budget, Cost, Price
from ocinterp.journal.file import Reader, alone, compact, holder
from ocinterp.journal.model import Journaled, most_tokens
from ocinterp.journal.request import Request
from ocinterp.journal.sandbox import JournaledSandbox

__all__ = [
    "FREE",
    "NOTHING",
    "UNLIMITED",
    "Budget",
    "Cost",
    "Done",
    "Entry",
    "Journal",
    "Journaled",
    "JournaledSandbox",
    "Price",
    "Reader",
    "Report",
    "Request",
    "Ticket",
    "alone",
    "compact",
    "holder",
    "most_tokens",
    "ticket",
]
