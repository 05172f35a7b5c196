"""`serve --local` answers for the same table as the deployed API, with the settings of the stack."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.local.conftest import Cli

ORIGIN = "https://todo.example"


@contextmanager
def serving(cli: Cli, *options: str) -> Iterator[str]:
    """The endpoint of a running server."""
    process = cli.start("serve", "--port", "0", "--json", *options)
    assert process.stdout
    line = process.stdout.readline()
    assert line, process.communicate()
    yield json.loads(line)["endpoint"]
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0


def ask(url: str, body: Any = None) -> tuple[Any, dict[str, str]]:
    content = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, content, {"Origin": ORIGIN})) as reply:
        return json.load(reply), {name.lower(): value for name, value in reply.headers.items()}


def test_it_answers_for_the_table_and_with_the_settings_of_the_stack(cli: Cli) -> None:
    cli.ok("up", "--index", "owner", "--cors-origin", "https://*", "--throttle-rate", "50")
    deployed = cli.json("status")["endpoint"]
    with serving(cli) as endpoint:
        _, headers = ask(f"{endpoint}/items", {"itemId": "1", "owner": "alice"})
        assert headers["access-control-allow-origin"] == ORIGIN
        for url in (endpoint, deployed):
            item, found = ask(f"{url}/items/1")
            assert (item, found["etag"]) == ({"itemId": "1", "owner": "alice"}, headers["etag"])
            assert ask(f"{url}/items?owner=alice")[0] == [item]
        done = cli.shell(f"{cli.command} smoke --url {endpoint} --index owner --quiet")
        assert "checks passed." in done


def test_the_document_says_where_it_listens(cli: Cli) -> None:
    cli.ok("up", "--name", "team-todo")
    process = cli.start("serve", "--name", "team-todo", "--port", "0", "--workers", "2", "--json")
    assert process.stdout
    document = json.loads(process.stdout.readline())
    assert (document["command"], document["name"], document["region"], document["workers"], document["ok"]) == (
        *("serve", "team-todo", "us-east-1"),
        *(2, True),
    )
    process.terminate()
    rest, said = process.communicate(timeout=30)
    assert (rest, process.returncode) == ("", 0)
    assert "Serving the table TeamTodo with 2 processes. Press Ctrl-C to stop.\n" in said
    assert said.endswith("Stopped.\n")
