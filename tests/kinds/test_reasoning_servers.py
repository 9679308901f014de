"""Steps from OpenAI-compatible servers: their law, their ways of telling an end, their limits, their faults."""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from burnish.wire.specs.language import ServerProblem
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.backends.server.asking import Dialect
from burnish_workers.kinds.reasoning.backends.server.backend import ServerBackend, server_backend
from burnish_workers.kinds.reasoning.backends.server.learning import dialect_of
from burnish_workers.kinds.reasoning.outbound.faults import ServerFault
from burnish_workers.kinds.reasoning.protocols import Extension
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.texts import step_of
from burnish_workers.outbound.allowed import KEYS, VARIABLE

from .outbound_cases import Start
from .stand_in import LAW, TOKENS, StandIn, breaks_off, drips, hangs, says
from .tiny_models import free_port

STYLES = ("vllm", "sglang", "plain", "keeps")


def backend(stand_in: StandIn, **changes: Any) -> ServerBackend:
    given = {"type": "server", "url": stand_in.url, "model": "tiny", "prompt": "go: ", "steps": {"stops": ["\n"]}}
    return server_backend(ServerProblem.model_validate({**given, **changes}), 4)


def rows(count: int, *prefixes: tuple[str, ...], seed: int = 5) -> list[Extension]:
    source = Random(np.random.default_rng(seed))
    return [Extension(tuple(step_of(s, ended=False) for s in p), count, source) for p in prefixes]


def texts(found: ServerBackend, drawn: Any) -> list[str]:
    return [found.words((each.step,))[0] for each in drawn]


# --- the law and the ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("most", [100, 1])
def test_steps_have_the_law_of_the_server_and_their_ends_are_told(start: Start, style: Any, most: int) -> None:
    stand_in = start(StandIn(style=style, most=most))
    found = backend(stand_in)
    count = 400 if most > 1 else 100
    (drawn,) = found.extend(rows(count, ("a\n", "b\n")))
    counts = Counter(texts(found, drawn))
    steps = {"c\n": 0.2} if style == "plain" else {"c": 0.2}
    law = {**dict(LAW[:2]), **steps}
    assert set(counts) == set(law)
    assert chisquare([counts[step] for step in law], [count * chance for chance in law.values()]).pvalue > 1e-6
    assert sum(each.tokens for each in drawn) == 2 * count
    ends = {text for text, each in zip(texts(found, drawn), drawn, strict=True) if found.ends((each.step,))}
    assert ends == (set() if style == "plain" else {"c"}), "where it is not told, nothing that was written is an end"
    learned = dialect_of(found._asker, found._link)
    assert learned == Dialect(most=16 if most > 1 else 1, keeps=style == "keeps", configures=style == "keeps")


def test_an_empty_answer_is_an_end_where_it_is_not_told(start: Start) -> None:
    stand_in = start(StandIn(style="plain"))
    found = backend(stand_in)
    found.extend(rows(1, ()))
    empty = {"choices": [{"text": "", "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}
    stand_in.faults.append(says(200, empty))
    ((drawn,),) = found.extend(rows(1, ()))
    assert found.ends((drawn.step,))
    assert texts(found, [drawn]) == [""]


def test_a_server_that_does_not_tell_gets_one_stop_text(start: Start) -> None:
    with pytest.raises(SpecError, match="does not tell which of several") as error:
        backend(start(StandIn(style="plain")), steps={"stops": ["\n", "."]}).extend(rows(1, ()))
    assert error.value.pointer == "/problem/steps/stops"


def test_a_step_of_the_most_tokens_ends_there_and_the_first_stop_counts(start: Start) -> None:
    stand_in = start(StandIn())
    found = backend(stand_in)
    found.extend(rows(1, ()))
    long = {"text": "on and on", "finish_reason": "length", "stop_reason": None}
    late = {"text": "one\ntwo\n", "finish_reason": "stop", "stop_reason": None}
    odd = {"text": "half \ud800", "finish_reason": "content_filter", "stop_reason": None}
    stand_in.faults.append(says(200, {"choices": [long, late, odd], "usage": {"completion_tokens": 20}}))
    (drawn,) = found.extend(rows(3, ()))
    assert texts(found, drawn) == ["on and on", "one\n", "half \ufffd"]
    assert [found.ends((each.step,)) for each in drawn] == [False, False, True]
    assert [each.tokens for each in drawn] == [7, 7, 6]


@pytest.mark.parametrize(
    ("forbids", "learned"),
    [
        ({"n"}, Dialect(most=1)),
        ({"n", "seed"}, Dialect(most=1, seeds=False)),
        ({"n", "stop"}, Dialect(most=1, stops=False)),
        ({"generation_config"}, Dialect(most=16)),
    ],
)
def test_options_that_a_server_does_not_take_are_left_out(start: Start, forbids: set[str], learned: Dialect) -> None:
    stand_in = start(StandIn(forbids=frozenset(forbids)))
    found = backend(stand_in)
    (drawn,) = found.extend(rows(40, ()))
    assert set(texts(found, drawn)) == {"a\n", "b\n", "c"}
    assert dialect_of(found._asker, found._link) == learned
    assert not any(forbids & set(body) for body in stand_in.bodies[-3:])


@pytest.mark.parametrize(("limit", "most"), [({"refuses_over": 5}, 4), ({"refuses_over": 2}, 1), ({"most": 7}, 7)])
def test_more_candidates_than_a_server_takes_are_several_calls(start: Start, limit: Any, most: int) -> None:
    stand_in = start(StandIn(**limit))
    found = backend(stand_in)
    (drawn,) = found.extend(rows(20, ()))
    assert len(drawn) == 20
    assert dialect_of(found._asker, found._link).most == most


def test_seeds_differ_and_go_with_single_draws_alone(start: Start) -> None:
    """Servers that give the same seed to all of `n` would give the same candidate K times."""
    stand_in = start(StandIn(most=1))
    backend(stand_in).extend(rows(30, ()))
    seeds = [body["seed"] for body in stand_in.bodies[-30:]]
    assert len(set(seeds)) == 30
    assert max(seeds) < 2**53
    many = start(StandIn())
    backend(many).extend(rows(40, ()))
    assert sorted(body["n"] for body in many.bodies[-3:]) == [8, 16, 16]
    assert not any("seed" in body for body in many.bodies[-3:])


def test_chat_goes_on_in_the_turn_or_behind_the_message(start: Start) -> None:
    stand_in = start(StandIn())
    talk = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "go"}]
    more = {"prompt": None, "messages": talk, "api": "chat"}
    found = backend(stand_in, **more)
    (drawn,) = found.extend(rows(20, ("a\n",)))
    assert set(texts(found, drawn)) <= {"a\n", "b\n", "c"}
    body = stand_in.bodies[-1]
    assert body["messages"] == [*talk, {"role": "assistant", "content": "a\n"}]
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    backend(stand_in, **more, continues="message").extend(rows(1, ("a\n",)))
    assert stand_in.bodies[-1]["messages"] == [talk[0], {"role": "user", "content": "go\n\na\n"}]
    assert "continue_final_message" not in stand_in.bodies[-1]
    cannot = start(StandIn(forbids=frozenset({"continue_final_message"})))
    with pytest.raises(SpecError, match="does not continue a turn") as error:
        backend(cannot, **more).extend(rows(1, ()))
    assert error.value.pointer == "/problem/continues"


def test_keys_go_to_their_server_alone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = start(StandIn()), start(StandIn())
    monkeypatch.setenv(KEYS, f"{one.host}=secret")
    backend(one).extend(rows(1, ()))
    backend(other).extend(rows(1, ()))
    assert set(one.keys) == {"Bearer secret"}
    assert set(other.keys) == {None}


# --- faults -----------------------------------------------------------------------------------------------------------

GARBAGE = b"<html>502"
TRANSIENT = {
    "429": says(429, {"error": {"message": "slow down"}}, Retry_After="0"),
    "503": says(503, b"loading"),
    "500": says(500, b"Internal Server Error"),
    "hangs": hangs,
    "drips": drips,
    "breaks off": breaks_off,
    "not JSON": says(200, GARBAGE),
}


@pytest.mark.parametrize("name", TRANSIENT)
@pytest.mark.usefixtures("impatient")
def test_what_passes_is_asked_again_and_nothing_of_it_is_used(start: Start, name: str) -> None:
    stand_in = start(StandIn(most=1))
    found = backend(stand_in)
    found.extend(rows(1, ()))
    stand_in.faults.append(TRANSIENT[name])
    asked = len(stand_in.bodies)
    (drawn,) = found.extend(rows(8, ()))
    assert len(drawn) == 8
    assert sum(each.tokens for each in drawn) == 16
    seeds = [body["seed"] for body in stand_in.bodies[asked:]]
    assert len(set(seeds)) == len(seeds) == 8, "the one that failed was asked again with its own seed"


@pytest.mark.parametrize(
    ("name", "says_what"),
    [
        ("429", r"status 429: slow down \(4 times\)"),
        ("503", r"status 503: loading \(4 times\)"),
        ("500", "status 500: Internal Server Error"),
        ("hangs", r"did not finish an answer within .* \(2 times\); it is slow or stands still"),
        ("drips", r"did not finish an answer within .* \(2 times\)"),
        ("breaks off", "broke off in mid-answer"),
        ("not JSON", "no JSON: '<html>502'"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_what_stays_is_named(start: Start, name: str, says_what: str) -> None:
    stand_in = start(StandIn())
    found = backend(stand_in, steps={"stops": ["\n"], "tokens": 1})
    found.extend(rows(1, ()))
    stand_in.always = TRANSIENT[name]
    with pytest.raises(ServerFault, match=says_what) as error:
        found.extend(rows(1, ()))
    assert stand_in.url in str(error.value)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


SOUND = {"text": "x", "finish_reason": "stop", "stop_reason": None}


@pytest.mark.parametrize(
    ("content", "says_what"),
    [
        ({"object": "list"}, "without choices"),
        ([], "without choices"),
        ({"choices": []}, "without choices"),
        ({"choices": [SOUND], "usage": {}}, "without usage.completion_tokens"),
        ({"choices": [SOUND], "usage": {"completion_tokens": -1}}, "without usage.completion_tokens"),
        ({"choices": [{"text": 5, "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}, "without a text"),
        ({"choices": [{"text": "x"}], "usage": {"completion_tokens": 1}}, "finish_reason"),
        ({"choices": ["x"], "usage": {"completion_tokens": 1}}, "a choice that is none"),
        (
            {
                "choices": [{"message": {"content": "", "reasoning_content": "hm"}, "finish_reason": "stop"}],
                "usage": {"completion_tokens": 1},
            },
            "reasoning_content",
        ),
    ],
)
def test_garbage_is_shown(start: Start, content: Any, says_what: str) -> None:
    stand_in = start(StandIn(always=says(200, content)))
    with pytest.raises(ServerFault, match=says_what):
        backend(stand_in).extend(rows(1, ()))


def test_fewer_candidates_than_asked_for_are_none(start: Start) -> None:
    stand_in = start(StandIn())
    found = backend(stand_in)
    found.extend(rows(2, ()))
    stand_in.most = 1
    with pytest.raises(ServerFault, match="1 of the 3 candidates"):
        found.extend(rows(3, ()))


def test_an_answer_without_end_is_cut(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnish_workers.kinds.reasoning.outbound.link.MOST_BYTES", 10_000)
    with pytest.raises(ServerFault, match="more than 10,000 bytes"):
        backend(start(StandIn(always=says(200, b" " * 20_000)))).extend(rows(1, ()))


def test_redirects_are_not_followed(start: Start) -> None:
    stand_in = start(StandIn(always=says(302, b"", Location="http://127.0.0.1:1/")))
    with pytest.raises(ServerFault, match=r"status 302 to 'http://127\.0\.0\.1:1/'"):
        backend(stand_in).extend(rows(1, ()))


def test_nobody_there(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = StandIn(url=f"http://127.0.0.1:{free_port()}/v1")
    monkeypatch.setenv(VARIABLE, stand_in.host)
    with pytest.raises(ServerFault, match=r"cannot be reached: .*; start it, then resume the job"):
        backend(stand_in).extend(rows(1, ()))


@pytest.mark.parametrize(
    ("fault", "changes", "pointer", "says_what"),
    [
        (
            None,
            {"model": "huge"},
            "/problem/model",
            r"has no model 'huge' \(status 404: The model `huge`.*it has: tiny",
        ),
        (None, {"url": "/v1/x"}, "/problem/url", "has no /completions"),
        (says(401, {"error": "who are you"}), {}, "/problem/url", "without a key .*who are you"),
        (says(400, {"error": {"message": "too long"}}), {}, "/problem", "refuses the request .status 400: too long"),
    ],
)
def test_what_the_spec_is_to_blame_for(
    start: Start,
    fault: Any,
    changes: dict[str, str],
    pointer: str,
    says_what: str,
) -> None:
    stand_in = start(StandIn(always=fault))
    if "url" in changes:
        changes = {"url": stand_in.url.removesuffix("/v1") + changes["url"]}
    with pytest.raises(SpecError, match=says_what) as error:
        backend(stand_in, **changes).extend(rows(1, ()))
    assert error.value.pointer == pointer
    again = pickle.loads(pickle.dumps(error.value))
    assert (again.pointer, str(again)) == (pointer, str(error.value))


def test_a_wish_that_makes_no_sense_in_mid_job_is_the_specs(start: Start) -> None:
    """A prefix that outgrew the context: what the server says is passed on, and the other requests are called off."""
    stand_in = start(StandIn())
    found = backend(stand_in)
    found.extend(rows(1, ()))
    stand_in.faults.append(says(400, {"message": "maximum context length is 512 tokens"}))
    with pytest.raises(SpecError, match="maximum context length is 512"):
        found.extend(rows(4, (), ("a\n",), ("b\n",)))


def test_all_tokens_are_counted(start: Start) -> None:
    assert set(TOKENS.values()) == {2}
    found = backend(start(StandIn()))
    drawn = found.extend(rows(5, (), ("a\n",)))
    assert sum(each.tokens for row in drawn for each in row) == 2 * 10
