"""Kinds of jobs, one folder each. A folder with a `kind.py` that defines `KIND` is found by itself."""
