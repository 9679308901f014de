"""Torch, shared by kinds: devices, generators from keys, expressions lowered to torch, fields and their jets.

Nothing here is imported by `core`, by the engine or by the torch-free half of a kind.
"""
