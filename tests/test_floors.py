"""The house rules that a machine can check: floors between packages, sizes of files and functions, forbidden names."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
SOURCES = ("clients", "workers", "service", "tests", "benchmarks", "examples", "docs")
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

FILES = sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py"))
PRODUCT = [path for path in FILES if "burnish" in str(path.relative_to(ROOT)) and ROOT / "tests" not in path.parents]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere in it, functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _importing(package: str) -> set[str]:
    return {_name(path) for path in PRODUCT if any(name.split(".")[0] == package for name in _imports(path))}


def test_there_is_something_to_check() -> None:
    assert len(PRODUCT) > 100


def test_the_contracts_of_import_linter_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None) == EXIT_STATUS_SUCCESS


def test_no_file_is_too_long() -> None:
    long = {_name(path): lines for path in FILES if (lines := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert not long, f"split them: files have at most {LONGEST_FILE} lines"


def test_no_function_is_too_long() -> None:
    long: dict[str, int] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{_name(path)}:{node.name}"] = lines
    assert not long, f"split them: functions have at most {LONGEST_FUNCTION} lines"


def test_ray_is_imported_in_two_files_and_redis_in_one() -> None:
    engine = "workers/burnish_workers/engine"
    assert _importing("ray") == {f"{engine}/ray_fleet.py", "service/burnish_service/serving.py"}
    assert _importing("redis") == {f"{engine}/redis_link.py"}


def test_torch_is_imported_in_tensors_and_in_kinds_only() -> None:
    homes = ("workers/burnish_workers/tensors/", "workers/burnish_workers/kinds/")
    assert {name for name in _importing("torch") if not name.startswith(homes)} == set()


@pytest.mark.parametrize("kind", ["surrogate", "posterior"])
def test_what_is_computed_never_looks_at_the_references(kind: str) -> None:
    """Exact solutions are for tests: an estimator that could see them would prove nothing."""
    package = f"burnish_workers.kinds.{kind}.references"
    folder = ROOT / "workers/burnish_workers/kinds" / kind / "references"
    assert (folder / "__init__.py").exists()
    looking = {_name(p) for p in PRODUCT if folder not in p.parents and any(n.startswith(package) for n in _imports(p))}
    assert looking == set()


MUTANTS = (
    "burnish_workers/kinds/posterior/smc.py",
    "burnish_workers/kinds/posterior/statistics.py",
    "burnish_workers/kinds/posterior/recipes.py",
    "burnish_workers/kinds/surrogate/linearised.py",
    "burnish_workers/kinds/surrogate/statistics.py",
    "burnish_workers/kinds/surrogate/plan.py",
    "burnish_workers/kinds/surrogate/catalogue/hjb_log.py",
    "burnish_workers/core/interval.py",
    "burnish_workers/engine/planning.py",
    "burnish_service/main.py",
)
PEEK = """
def peek():
    from burnish_workers.kinds.surrogate.references import hjb_log
    from burnish_workers.kinds.posterior.references.mixture import Gaussians
    return hjb_log, Gaussians
"""
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(cache_dir=None))"


def test_a_look_at_the_references_breaks_the_contract(tmp_path: Path) -> None:
    """One import of an exact solution, in a function as in a module, and import-linter names the module."""
    homes = {"burnish": "clients/python/src", "burnish_workers": "workers", "burnish_service": "service"}
    for package, home in homes.items():
        shutil.copytree(ROOT / home / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    mutants = [name for name in MUTANTS if (tmp_path / name).exists()]
    assert len(mutants) >= 5
    for name in mutants:
        with (tmp_path / name).open("a") as file:
            file.write(PEEK)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "400"}
    done = subprocess.run(
        [sys.executable, "-c", LINT], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "The service does not know the reference" in said
    for name in mutants:
        module = name.removesuffix(".py").replace("/", ".")
        for kind in ("surrogate", "posterior"):
            assert f"{module} -> burnish_workers.kinds.{kind}.references" in said, module


SIMULATED = """
import sys
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.registry import own_kinds, registry
from burnish_workers.engine.resolve import provisional

kind = registry().get("surrogate")
names = [entry.name for entry in kind.catalogue() if entry.type == "problem"]
for name in names:
    body = {"kind": "surrogate", "problem": {"name": name, "dim": 2}, "points": [{"x": 100.0}], "budget": {"units": 1}}
    spec = SurrogateSpec.model_validate(body)
    kind.check(spec, NOTHING)
    spec = spec.model_copy(update={"resolution": provisional(kind.draft(spec, "any", NOTHING), "any")})
    statistics = kind.statistics(spec, NOTHING)
    _, block = kind.load()(spec, "cpu", NOTHING).advance({}, block_key(1, 0, 0), 0, 8)
    statistics.answer(statistics.fold(statistics.empty(), block))
print(len(names), [name for name in sys.modules if "references" in name.split(".")])
"""


def test_no_exact_solution_is_loaded_where_the_catalogue_is_solved() -> None:
    """However it might be imported."""
    done = subprocess.run([sys.executable, "-c", SIMULATED], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "8 []", done.stderr


FRONT = """
import importlib, pkgutil, socket, sys, threading
sys.modules["torch"] = sys.modules["ray"] = None
import httpx2, uvicorn
import burnish_service, burnish_workers.engine
from burnish_service.context import Context, Pool
from burnish_service.main import create_app
from burnish_service.settings import Settings
from burnish_workers.core.registry import own_kinds, registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.storage import Storage

for package, others in ((burnish_workers.engine, {"ray_fleet"}), (burnish_service, {"serving", "__main__"})):
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in others:
            importlib.import_module(f"{package.__name__}.{module.name}")

async def pool():
    return Pool(0, 0)

async def connect():
    clock = SystemClock()
    storage = Storage.in_memory()
    return Context(storage.app(registry(), clock), Settings(), clock, pool, storage.coordination)

listener = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(create_app(connect), log_level="critical"))
thread = threading.Thread(target=server.run, args=([listener],))
thread.start()
while not server.started:
    threading.Event().wait(0.01)
with httpx2.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
    for example in [example for kind in own_kinds() for example in kind.examples()]:
        created = client.post("/v1/jobs", json=example)
        assert created.status_code == 202, created.text
        assert client.get(created.headers["location"]).json()["status"] == "queued"
    assert client.post("/v1/jobs", json={"kind": "surrogate"}).status_code == 422
    assert len(client.get("/v1/catalogue").json()["data"]) > 2
    assert client.get("/v1/kinds").status_code == client.get("/openapi.json").status_code == 200
server.should_exit = True
thread.join()
assert sys.modules["torch"] is None and sys.modules["ray"] is None
print("served")
"""


def test_the_front_serves_without_torch_and_ray() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", FRONT], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("served"), done.stderr


# In pieces, or this file would name what it forbids.
FORBIDDEN = ("/" + "work/", "/tmp" + "/w/", "/" + "root/", "/" + "home/", "index" + "-url", "artifact" + "ory")
TEXTS = {".py", ".md", ".toml", ".json", ".yml", ".yaml", ".lua", ".txt", ".sh", ".js", ".css", ".html", ""}
HIDDEN = {"node_modules", "dist", "build"}


def test_nothing_names_the_machine_that_it_was_made_on() -> None:
    found: dict[str, str] = {}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") or part in HIDDEN for part in parts[:-1]) or parts == (".git",)
        if hidden or path.suffix not in TEXTS:
            continue
        if path.is_file():
            text = path.read_text(errors="replace")
            found |= {str(path.relative_to(ROOT)): word for word in FORBIDDEN if word in text}
    assert found == {}
