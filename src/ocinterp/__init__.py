"""A code interpreter for any language model: it writes code, runs it in a sandbox, and refines it."""

__version__ = "0.1.0"
