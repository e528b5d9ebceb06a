"""Who may ask what."""

from __future__ import annotations

import socket
import stat
import time
from pathlib import Path

import pytest
import requests
from servers import Server, serving, start

from labelmetrics.places import key_file, read_key, running_server

EVERY = [
    ("GET", "/"),
    ("GET", "/runs/x"),
    ("POST", "/graphql"),
    ("POST", "/_gql"),
    ("GET", "/api/openapi.json"),
    ("GET", "/api/models"),
    ("POST", "/api/runs"),
    ("DELETE", "/api/runs/x"),
    ("GET", "/nothing"),
    ("POST", "/"),
    ("OPTIONS", "/graphql"),
    ("GET", "/files"),
    ("GET", "//files/x"),
    ("GET", "/healthz/../api/models"),
    ("GET", "/files/../api/models"),
]


@pytest.mark.parametrize("key", ["", "wrong", "lm-wrong", "é"])
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_nothing_without_the_key(server: Server, method: str, path: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}".encode()} if key else {}
    request = requests.Request(method, server.url, headers=headers).prepare()
    request.url = server.url + path  # as it is, with its dots
    answer = requests.Session().send(request, timeout=30)
    assert answer.status_code in (401, 404), path
    if answer.status_code == 404:  # requests may have taken the dots away; a file of that name there is not
        assert path.startswith("/files/")
    elif path in ("/graphql", "/_gql"):
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "AUTHENTICATION_ERROR"
    else:
        assert answer.json()["code"] == "AUTHENTICATION_ERROR"


def test_health_needs_no_key(server: Server) -> None:
    assert server.request("GET", "/healthz", key="").json() == {"status": "ok"}
    assert server.request("HEAD", "/healthz", key="").status_code == 200


def test_pages_say_how_to_get_in(server: Server) -> None:
    answer = server.request("GET", "/", key="", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "labelmetrics serve" in answer.text
    assert "/?key=..." in answer.text


def test_the_address_that_is_printed_lets_in(server: Server) -> None:
    session = requests.Session()
    answer = session.get(f"{server.url}/?key={server.key}", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert server.key not in cookie
    assert "Model runs" in session.get(server.url).text
    assert session.get(f"{server.url}/api/models").status_code == 200
    wrong = requests.get(f"{server.url}/?key=wrong", headers={"Accept": "text/html"}, allow_redirects=False)
    assert wrong.status_code == 401
    assert "Set-Cookie" not in wrong.headers


@pytest.mark.parametrize("cookie", ["x", "", "é".encode().decode("latin-1")])
def test_a_wrong_cookie(server: Server, cookie: str) -> None:
    headers = {"Cookie": f"labelmetrics-{server.port}={cookie}"}
    assert server.request("GET", "/api/models", key="", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", "localhost@evil", "", "[::2]", "a b", "[", "x:y"],
)
@pytest.mark.parametrize("path", ["/healthz", "/api/models", "/files/x", "/graphql"])
def test_foreign_hosts(server: Server, host: str, path: str) -> None:
    answer = server.request("GET" if path != "/graphql" else "POST", path, headers={"Host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:9"])
def test_hosts_of_this_machine(server: Server, host: str) -> None:
    assert server.request("GET", "/api/models", headers={"Host": host}).status_code == 200


def test_two_hosts(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(100).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/api/runs"])
def test_pages_of_other_servers_change_nothing(server: Server, headers: dict[str, str], path: str) -> None:
    before = server.request("GET", "/api/models").json()
    body = {"query": 'mutation { createModel(data: {name: "x", ontologyId: "y"}) { id } }', "model": "x", "run": "y"}
    answer = server.request("POST", path, headers=headers, json=body)
    assert answer.status_code == 403
    assert server.request("GET", "/api/models").json() == before


def test_own_pages_may(server: Server) -> None:
    headers = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
    assert server.request("POST", "/graphql", headers=headers, json={"query": "{ __typename }"}).status_code == 200


def test_headers(server: Server) -> None:
    for path in ("/", "/api/models", "/files/x", "/graphql"):
        answer = server.request("GET", path)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert "Server" not in answer.headers


def test_the_style_of_pages_is_applied(server: Server) -> None:
    import base64
    import hashlib

    answer = server.request("GET", "/", headers={"Accept": "text/html"})
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


def test_the_log_tells_no_secrets(server: Server) -> None:
    server.request("GET", f"/?key={server.key}", key="")
    server.request("GET", "/files/a-token", key="")
    server.request("GET", "/api/models?name=secret")
    server.request("GET", "/a%0Ab")
    time.sleep(0.5)
    said = "".join(server.said)
    assert "GET / 303" in said
    assert server.key not in said
    assert "a-token" not in said
    assert "secret" not in said
    assert "/a\\nb" in said


# ---- the key itself


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_the_key_is_its_owners(home: Path) -> None:
    with serving(home) as server:
        assert stat.S_IMODE(key_file(home).stat().st_mode) == 0o600
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert read_key(home) == server.key
        assert len(server.key) > 40
        found = running_server(home)
        assert found is not None
        assert found.url == server.url
        kept = b"".join(path.read_bytes() for path in home.glob("store.db*"))
        assert server.key.encode() not in kept
        key_file(home).chmod(0o644)
        assert server.stop() == 0
    assert running_server(home) is None
    with serving(home) as again:
        assert again.key == server.key
        assert stat.S_IMODE(key_file(home).stat().st_mode) == 0o600


def test_a_rotated_key(home: Path) -> None:
    from commands import run

    with serving(home) as server:
        assert run("key", "show", "--home", home).stdout == f"{server.key}\n"
        session = requests.Session()
        session.get(f"{server.url}/?key={server.key}")
        new = run("key", "rotate", "--home", home).stdout.strip()
        assert new != server.key
        time.sleep(1.2)
        assert server.request("GET", "/api/models").status_code == 401
        assert session.get(f"{server.url}/api/models").status_code == 401
        assert server.request("GET", "/api/models", key=new).status_code == 200


def test_allowed_hosts(home: Path) -> None:
    with serving(home, "--allow-host", "runs.example") as server:
        assert server.request("GET", "/api/models", headers={"Host": "runs.example:80"}).status_code == 200
        assert server.request("GET", "/api/models", headers={"Host": "other.example"}).status_code == 421


def test_one_server_a_folder(home: Path) -> None:
    with serving(home) as server, pytest.raises(RuntimeError, match=f"already: {server.url}"):
        start(home)


def test_a_port_that_is_taken(home: Path) -> None:
    with serving(home) as server, pytest.raises(RuntimeError, match=f"port {server.port} cannot be listened at"):
        start(home.with_name("other"), "--port", str(server.port))


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="Error: "):
        start(tmp_path / "file" / "home")
