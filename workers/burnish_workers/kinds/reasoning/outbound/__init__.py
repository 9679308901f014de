"""Servers that jobs may name: which are allowed, how they are asked, what goes wrong with them. No torch."""
