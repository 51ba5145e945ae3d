"""Dialogues over the pocket tasks, made by rule: attempts that fail as small models fail, what came of them, and the fix."""
