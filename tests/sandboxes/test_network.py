"""The network, for sessions that were allowed to use it."""

from __future__ import annotations

import socket
import textwrap

from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell


async def test_with_the_network_a_program_reaches_a_server_and_nothing_else_is_opened(namespaces: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"""
            import socket, ssl
            with socket.create_connection(("127.0.0.1", {port}), 5) as connection:
                connection.sendall(b"hello")
            for family in (socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET):
                try:
                    socket.socket(family, socket.SOCK_DGRAM)
                except PermissionError:
                    print("refused")
            print(socket.getaddrinfo("localhost", 80)[0][0] in (socket.AF_INET, socket.AF_INET6))
            """
        async with NamespaceSandbox(network=True) as sandbox, sandbox.open() as session:
            assert sandbox.network == "host"
            result = await session.run(Cell("c", textwrap.dedent(source)))
        assert result.stdout.split() == ["refused"] * 3 + ["True"], result
        connection, _ = server.accept()
        with connection:
            assert connection.recv(5) == b"hello"


async def test_without_it_the_same_program_does_not(namespaces: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 1)"
        async with NamespaceSandbox() as sandbox, sandbox.open() as session:
            assert sandbox.network == "off"
            result = await session.run(Cell("c", source))
        assert result.error is not None
        assert result.error.name == "PermissionError"
