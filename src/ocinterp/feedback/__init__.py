"""Who answers a turn: the execution, visible tests, people, and ways to put several of them together."""

from ocinterp.feedback.compose import all_of, first_of, silent
from ocinterp.feedback.execution import execution_output, failures
from ocinterp.feedback.tests import VisibleTests

__all__ = ["VisibleTests", "all_of", "execution_output", "failures", "first_of", "silent"]
