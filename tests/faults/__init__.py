"""Faults: a real service with jobs of every kind and streaming clients, and what is killed, stopped, filled or cut off
under it. `python -m tests.faults` runs all of them and prints a table."""
