from __future__ import annotations

import socket

from labelmetrics.server.serving import _listen


def test_answers_do_not_wait_for_the_acknowledgement_of_their_headers() -> None:
    """Asyncio lets packets go at once where it sees that a socket speaks TCP."""
    with _listen("127.0.0.1", None) as listening, socket.create_connection(listening.getsockname()) as client:
        accepted, _ = listening.accept()
        with accepted:
            assert client.fileno() > 0
            assert (accepted.type, accepted.proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP)
