"""For readers who only want where things stand: of several refinements the newest."""

from __future__ import annotations

from burnish.wire import Event


def conflated(events: list[Event]) -> list[Event]:
    """The events without the refinements that another one follows. A refinement is a full snapshot: nothing is lost."""
    newest = max((event.sequence for event in events if event.type == "refinement"), default=0)
    return [event for event in events if event.type != "refinement" or event.sequence == newest]
