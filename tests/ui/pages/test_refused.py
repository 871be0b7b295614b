"""A page of another site, a name that was rebound, and paths in place of ids get nothing from the local page."""

import http.client
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ATTACK = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return `answered ${answer.type} ${(await answer.text()).length}`;
  } catch { return "failed"; }
}"""
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """A site of another origin."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><p>hello")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_a_page_of_another_origin_reads_and_starts_nothing(
    browser: "Browser", local, elsewhere: str, kept: Path
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(elsewhere)
    run = local.run(page, "words").rsplit("/", 1)[1]
    jobs, play = f"{local.url}api/run/{run}/jobs", f"{local.url}api/run/{run}/play"
    doctor = '{"kind": "doctor"}'
    simple = {"method": "POST", "mode": "no-cors", "headers": {"Content-Type": "text/plain"}, "body": doctor}
    for url, options in [
        (f"{local.url}api/runs", {}), (f"{local.url}api/run/{run}/sections", {"credentials": "include"}),
        (jobs, {"method": "POST", "headers": JSON, "body": doctor}), (local.url, {}),
        (play, {"method": "POST", "headers": JSON, "body": '{"id": "x", "verb": "about"}'}),
    ]:  # fmt: skip
        assert page.evaluate(ATTACK, [url, options]) == "failed", url
    for url, options in [(jobs, simple), (f"{local.url}api/runs", {"mode": "no-cors"})]:
        assert page.evaluate(ATTACK, [url, options]) in ("failed", "answered opaque 0")
    assert page.request.get(jobs).json() == {"jobs": []}
    assert not (kept / "words" / "findings.json").exists()
    # Nor does it get the page into a frame, or its data as a script; a link to it may be followed.
    page.set_content(f"<iframe src='{local.url}'></iframe><script src='{local.url}api/runs'></script>")
    page.wait_for_timeout(500)
    assert all("newllm" not in frame.content() for frame in page.frames[1:])
    page.goto(elsewhere)
    page.set_content(f"<a href='{local.url}'>there</a>")
    page.get_by_text("there").click()
    page.get_by_role("link", name="founding").wait_for()
    context.close()


def ask(url: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Send a request as it stands: nothing tidies the path."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=60)
    own = {"Host": urlsplit(url).netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.putrequest(method, path, skip_host=True)
    for name, value in own.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", ""]
)
def test_a_name_that_was_rebound_is_refused(local, host: str) -> None:
    for path in ("/", "/api/runs", "/static/base.js"):
        status, content = ask(local.url, path, Host=host)
        assert status in (400, 403)
        assert b"newllm" not in content


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://{own}.evil.example"])
def test_another_origin_is_refused(local, origin: str) -> None:
    own = urlsplit(local.url).netloc
    asked = {"Origin": origin.format(own=own), "Content_Type": "application/json"}
    assert ask(local.url, "/api/runs", **asked)[0] == 403
    assert ask(local.url, "/api/run/x/jobs", "POST", b'{"kind": "doctor"}', **asked)[0] == 403
    assert ask(local.url, "/api/runs", Origin=f"http://{own}")[0] == 200


def test_a_path_in_place_of_an_id_leads_nowhere(local, kept: Path) -> None:
    (kept.parent / "secret").mkdir(exist_ok=True)
    (kept.parent / "secret" / "summary.json").write_text('{"schema": 1, "message": "sesame"}')
    ways = (
        *(
            "../secret",
            "..%2fsecret",
            "..%2Fsecret",
            "%2e%2e/secret",
            "%2e%2e%2fsecret",
            "..%252fsecret",
            "..%5csecret",
        ),
        *(
            "words/../../secret",
            "words%2f..%2f..%2fsecret",
            ".",
            "..",
            "%2e",
            "",
            "words",
            "%00",
            str(kept).replace("/", "%2f"),
        ),
        *(f"{kept}", "....//secret", "%c0%ae%c0%ae%2fsecret", "x" * 5000),
    )
    for way in ways:
        for path in ("/run/{}", "/run/{}/play", "/api/run/{}/sections", "/api/run/{}/live", "/study/{}", "/static/{}"):
            status, content = ask(local.url, path.format(way))
            assert status in (400, 404, 405), (path, way)
            assert b"sesame" not in content
        status, content = ask(local.url, f"/api/compare?runs={way}")
        assert status in (200, 400)
        assert b"sesame" not in content
        status, _ = ask(local.url, f"/api/run/{way}/jobs", "POST", b'{"kind": "doctor"}', **JSON)
        assert status in (400, 404, 405)
    assert not (kept.parent / "secret" / "findings.json").exists()
