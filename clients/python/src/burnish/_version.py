"""The version of the SDK and of the wire contract it speaks."""

__version__ = "0.1.0"
