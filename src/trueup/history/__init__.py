"""The history: every sync as a deployment record in SQL, kept without ever holding up the engine, and asked by people.

It takes what the engine's journal tells and knows neither the engine nor dialects nor clusters.
"""

from trueup.history.conditions import Question
from trueup.history.databases import HistoryUnavailable, open_database, place_of, read_url
from trueup.history.entries import Entry, Gap
from trueup.history.journal import HistoryEventSink
from trueup.history.lifespan import HistorySettings, default_url, keeping
from trueup.history.queries import History, Told
from trueup.history.storing import Bounds
from trueup.history.transfer import NotTaken, export_history, import_history
from trueup.history.verifying import Finding, Verdict, verify

__all__ = [
    "Bounds",
    "Entry",
    "Finding",
    "Gap",
    "History",
    "HistoryEventSink",
    "HistorySettings",
    "HistoryUnavailable",
    "NotTaken",
    "Question",
    "Told",
    "Verdict",
    "default_url",
    "export_history",
    "import_history",
    "keeping",
    "open_database",
    "place_of",
    "read_url",
    "verify",
]
