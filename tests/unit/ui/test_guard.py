import http.client
import re
import socket

import pytest

from newllm.ui.guard import HEADERS, MOST_BYTES, Access, access_for, is_local

LISTS = "/api/runs"


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST", "[::1]:{}", "localhost:1"])
def test_names_of_this_machine_are_answered(served, host):
    assert served.ask(LISTS, Host=host.format(served.port)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{}",
        "127.0.0.1.evil.example",
        "",
        "[::1",
        "a@b",
        "10.0.0.1",
        "evil.example@localhost",
        "evil.example@localhost:{}",
        "[::1].evil.example",
        "[::1].evil.example:{}",
        "127.0.0.1:{}:evil.example",
        "127.0.0.1:{}evil",
        "localhost:",
        "localhost:{}/evil",
        "localhost/evil",
        "localhost?evil",
        "localhost#evil",
        "localhost,evil.example",
        "localhost evil.example",
        "[localhost]",
        "::1",
        "localhost:123456",
        "[::1]]",
        "[[::1]",
        "[::1%evil]",
        "localhost.",
        "local\thost",
    ],
)
def test_other_names_are_refused(served, host):
    """A name that was made to lead here (DNS rebinding) is no name of ours."""
    assert served.ask(LISTS, Host=host.format(served.port)).status in (400, 403)


def test_a_second_host_is_refused(served):
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(
            b"GET /api/runs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        )
        assert connection.recv(100).startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))


@pytest.mark.parametrize("path", [LISTS, "/", "/api/run/{}/live", "/static/base.js"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:{}"])
def test_other_origins_are_refused(served, path, origin):
    path = path.format(served.id_of("plain"))
    assert served.ask(path, Origin=origin.format(served.port)).status == 403


def test_our_own_origin_is_answered(served):
    assert served.ask(LISTS, Origin=f"http://127.0.0.1:{served.port}").status == 200


def test_other_sites_may_link_here_and_no_more(served):
    assert served.ask(LISTS, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert served.ask(LISTS, Sec_Fetch_Site="same-site", Sec_Fetch_Mode="cors").status == 403
    assert served.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200


def test_only_json_changes_anything(served):
    jobs = f"/api/run/{served.id_of('plain')}/jobs"
    assert served.ask(jobs, "POST", b'{"kind": "doctor"}', Content_Type="text/plain").status == 415
    assert served.ask(jobs, "POST", b'{"kind": "doctor"}').status == 415
    assert served.post(jobs, {"kind": "doctor"}, Origin="http://evil.example").status == 403
    assert served.ask(jobs).json() == {"jobs": []}


def test_large_bodies_are_refused(served):
    jobs = f"/api/run/{served.id_of('plain')}/jobs"
    assert served.post(jobs, {"kind": "x" * MOST_BYTES}).status == 413
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    chunks = (b"x" * 65536 for _ in range(MOST_BYTES // 65536 + 1))
    connection.request("POST", jobs, body=chunks, headers={"Content-Type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("path", ["/", LISTS, "/nowhere", "/static/base.js", "/run/{}", "/compare", "/studies"])
def test_every_answer_forbids_what_is_not_ours(served, path):
    headers = served.ask(path.format(served.id_of("plain"))).headers
    assert {name: headers.get(name.lower()) for name in HEADERS} == HEADERS
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for name in ("script-src", "style-src"):  # its own files, and one element that stands in every page
        assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/]{43}='", policy[name])
    assert "unsafe" not in headers["content-security-policy"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


def test_data_is_not_stored_and_scripts_are(served):
    assert served.ask(LISTS).headers["cache-control"] == "no-store"
    page = served.ask("/").body.decode()
    script = page.split('<script data-src="')[1].split('"')[0]
    assert "immutable" in served.ask(script).headers["cache-control"]


def test_a_defect_of_ours_tells_nothing_and_ends_nothing(served, monkeypatch):
    def broken(version):
        raise ZeroDivisionError(version)

    monkeypatch.setattr(served.app.state.index, "since", broken)
    answer = served.ask(LISTS)
    assert (answer.status, answer.json()) == (500, {"error": "the server made a mistake: ZeroDivisionError"})
    assert answer.headers["content-security-policy"]
    monkeypatch.undo()
    assert served.ask(LISTS).status == 200


def test_the_token_is_asked_for_and_becomes_a_cookie(runs, serving):
    with serving(runs, Access(token="right")) as server:
        assert server.ask("/").status == 403
        assert server.ask("/?token=wrong").status == 403
        assert server.ask("/?token=").status == 403
        answer = server.ask("/?token=right")
        assert answer.status == 200
        cookie = answer.headers["set-cookie"]
        assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
        assert "right" not in cookie
        assert b"right" not in answer.body
        pair = cookie.split(";")[0]
        assert server.ask(LISTS, Cookie=pair).status == 200
        assert server.ask("/", Cookie=pair).body.count(b"<nav") == 1
        assert server.ask(LISTS, Cookie=pair[:-1]).status == 403
        assert server.ask(LISTS, Cookie=pair.split("=")[0] + "=").status == 403
        assert server.ask(LISTS, Cookie=pair, Origin="http://evil.example").status == 403


def test_who_needs_a_token():
    assert [is_local(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost")] == [True] * 4
    assert [is_local(host) for host in ("0.0.0.0", "::", "192.168.0.2", "my-machine")] == [False] * 4
    assert access_for("127.0.0.1", "x").token is None
    elsewhere = access_for("0.0.0.0", "x")
    assert elsewhere.token == "x"
    assert elsewhere.addresses


def test_an_address_may_be_named_by_number_only_where_others_reach_it(runs, serving):
    with serving(runs, access_for("0.0.0.0", "right")) as server:
        assert server.ask("/?token=right", Host="10.1.2.3").status == 200
        assert server.ask("/?token=right", Host="evil.example").status == 403


def test_the_cookie_is_another_for_every_token_and_not_the_token():
    keys = [Access(token=token).key for token in ("a", "b", None)]
    assert len(set(keys)) == 3
    assert Access(token="a").key == keys[0]
    assert all(len(key) == 64 for key in keys)
