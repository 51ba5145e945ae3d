"""The `ns` tier: Linux namespaces, seccomp and resource limits, for an ordinary user, without a daemon.

Who runs where:

    host process                    | supervisor.py  one asyncio object: starts the tree below, opens sessions, times them
    └── launcher (host's python)    | launch.py      makes the namespaces and the read-only root, then execs
        └── zygote (PID 1)          | zygote.py      trusted; imports libraries once, forks a worker per session
            └── worker (PID 1)      | kernel.py      confined by isolation.py + seccomp.py, then runs cells

In a container caller.py takes the launcher's place.

Everything but supervisor.py and layout.py runs in those child processes and needs the standard library only.
"""
