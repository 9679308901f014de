"""The sync and the async client, and their handles and pages, are the same but for `await`."""

from __future__ import annotations

import inspect
import re

import pytest

import burnish
from burnish import AsyncBurnish, AsyncJob, AsyncPage, Burnish, Job, Page
from burnish.admin import Admin, AsyncAdmin
from burnish.hooks import AsyncWebhooks, Webhooks

TWINS = [
    (Burnish, AsyncBurnish),
    (Job, AsyncJob),
    (Page, AsyncPage),
    (Admin, AsyncAdmin),
    (Webhooks, AsyncWebhooks),
]
RENAMED = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}
LIVE = {"stream", "events", "refinements"}


def methods(kind: type) -> dict[str, object]:
    generated = {
        "__init__",
        "__repr__",
        "__eq__",
        "__hash__",
        "__setattr__",
        "__delattr__",
        "__getstate__",
        "__setstate__",
    }
    return {
        name: value
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and name not in generated and not name.startswith("_poll")
    }


def sync(annotation: str) -> str:
    return re.sub(r"Awaitable\[(.*)\]", r"\1", annotation.replace("Async", ""))


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_the_same_methods(one: type, other: type) -> None:
    assert {RENAMED.get(name, name) for name in methods(one)} == set(methods(other))


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_the_same_parameters_and_results(one: type, other: type) -> None:
    for name, method in methods(one).items():
        twin = methods(other)[RENAMED.get(name, name)]
        mine, theirs = inspect.signature(method), inspect.signature(twin)
        assert list(mine.parameters) == list(theirs.parameters), name
        for parameter, twin_parameter in zip(mine.parameters.values(), theirs.parameters.values(), strict=True):
            assert (parameter.kind, parameter.default) == (twin_parameter.kind, twin_parameter.default), name
            assert str(parameter.annotation) == sync(str(twin_parameter.annotation)), name
        assert str(mine.return_annotation) == sync(str(theirs.return_annotation)), name


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_the_same_words(one: type, other: type) -> None:
    for name, method in methods(one).items():
        assert inspect.getdoc(method) == inspect.getdoc(methods(other)[RENAMED.get(name, name)]), name


def test_the_constructors_differ_in_the_transport_only() -> None:
    one, other = (inspect.signature(kind.__init__) for kind in (Burnish, AsyncBurnish))
    assert list(one.parameters) == list(other.parameters)
    differing = [p for p in one.parameters if one.parameters[p].annotation != other.parameters[p].annotation]
    assert differing == ["transport"]


def test_handles_know_the_same() -> None:
    known = [{n: v.__doc__ for n, v in vars(kind).items() if type(v).__name__ == "Known"} for kind in (Job, AsyncJob)]
    assert known[0] == known[1]
    assert len(known[0]) > 10


def test_every_call_is_awaited_but_the_live_ones() -> None:
    for name, method in methods(AsyncBurnish).items():
        assert inspect.iscoroutinefunction(method) == (name != "stream"), name


def test_everything_public_is_there_and_listed() -> None:
    assert sorted(burnish.__all__) == dir(burnish)
    for name in burnish.__all__:
        assert getattr(burnish, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Brunish'"):
        burnish.Brunish  # noqa: B018
