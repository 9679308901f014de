"""The service: HTTP in front of the engine, on Ray Serve."""

__version__ = "0.1.0"
