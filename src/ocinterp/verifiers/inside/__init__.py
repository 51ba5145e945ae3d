"""What also runs in the candidate's process: standard library only, and nothing of the package but each other."""
