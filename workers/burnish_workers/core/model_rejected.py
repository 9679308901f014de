"""Why an uploaded model is refused."""

from __future__ import annotations

REASONS = {
    "not_a_model": "neither a .pt2 archive nor safetensors with an architecture card",
    "corrupt": "the archive cannot be read: cut off, damaged, or not what its directory says",
    "unsafe_archive": "names that lead out of the archive or occur twice, encryption, links, bytes before it",
    "zip_bomb": "it unpacks to more than is accepted, or compresses suspiciously well",
    "unexpected_entry": "a file that a model does not have",
    "pickle": "weights, constants or sample inputs as pickles, which can run code",
    "wrong_version": "written in a version of the format that is not read here",
    "bad_graph": "the graph is not well formed",
    "bad_signature": "it is no function of t (B,) and x (B, d) with values u (B,)",
    "unknown_operator": "an operator that is not on the list",
    "wrong_size": "weights whose shapes, strides or bytes do not agree",
    "not_finite": "weights with NaN or infinity",
    "too_large": "more nodes or weights than are accepted",
    "bad_card": "the architecture card contradicts itself or its tensors",
    "bad_value": "the probe found values that are not finite, or not of shape (B,)",
    "rows_interact": "the value at one point depends on which other points are in the batch",
    "bad_gradient": "gradients or second derivatives that are not finite",
    "too_slow": "the probe ran out of time",
    "too_hungry": "the probe ran out of memory",
    "probe_failed": "the probe broke",
}
"""All reasons, with what they mean."""


class ModelRejected(ValueError):
    """A file that is no model which is accepted here. `reason`: one of REASONS; the message says what to do."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
