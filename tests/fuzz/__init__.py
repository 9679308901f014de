"""Readers of what strangers send, under a coverage-guided fuzzer: `python -m tests.fuzz --seconds 600`."""
