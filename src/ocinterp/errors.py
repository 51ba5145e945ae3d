"""What can go wrong that is not the model's doing.

OcinterpError
├── UsageError     the person asked for something that cannot be done; the message says what to do instead
├── ModelError     the provider failed, after the adapter's own retries
├── SandboxError   the sandbox failed: never shown to a model as its program's error, never scored
├── DataError      a file or a record is malformed
└── BudgetExhausted  the next act may cost more than is left; what was paid for is kept
"""


class OcinterpError(Exception):
    """The root of every error this package raises on purpose."""


class UsageError(OcinterpError):
    """A request that cannot be carried out as asked."""


class ModelError(OcinterpError):
    """No completion could be had from the model."""


class SandboxError(OcinterpError):
    """A session could not be opened, or broke in a way that says nothing about the program in it."""


class DataError(OcinterpError):
    """A file or a record is not what its format says."""


class BudgetExhausted(OcinterpError):  # noqa: N818 - what happened, in one word
    """An act was not begun, because what is left of the budget might not cover it."""
