"""Validators are an extra, which `make test-deploy` installs: elsewhere these files are not looked at."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = ("compose_spec", "jsonschema", "kubernetes_validate", "promql_parser", "yaml")
collect_ignore_glob = [] if all(map(find_spec, NEEDED)) else ["test_*.py"]
