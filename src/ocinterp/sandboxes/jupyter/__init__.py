"""The `jupyter` tier for a server that runs elsewhere: its kernels run the cells, and their isolation is its affair.

server.py speaks to it, messages.py knows what is said on a kernel's channels, kernel.py is one live kernel, and
session.py makes of it a session like all others. aiohttp is imported when a server is spoken to, not before.
"""
