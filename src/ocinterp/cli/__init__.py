"""The `ocinterp` command: the only place, with a server, that reads argv, the environment and config files."""
