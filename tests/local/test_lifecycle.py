"""From nothing to an API that answers and back to nothing, by the real command, on the local AWS."""

from __future__ import annotations

import json
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from items_api import local
from tests.local.conftest import COMMAND, eventually

if TYPE_CHECKING:
    from tests.local.conftest import Cli


def names(cli: Cli) -> set[str]:
    """The names of all that exists in the services a stack uses."""
    return {
        *cli.client("dynamodb").list_tables()["TableNames"],
        *(role["RoleName"] for role in cli.client("iam").list_roles()["Roles"]),
        *(group["logGroupName"] for group in cli.client("logs").describe_log_groups()["logGroups"]),
        *(function["FunctionName"] for function in cli.client("lambda").list_functions()["Functions"]),
        *(api["Name"] for api in cli.client("apigatewayv2").get_apis()["Items"]),
    }


def states(report: Any, key: str = "state") -> set[str]:
    return {resource[key] for resource in report["resources"]}


def test_up_and_the_tutorials_lines_and_smoke_and_down_twice_over(cli: Cli) -> None:
    for _ in range(2):
        shown = cli.ok("up", "--yes")
        post, get = (line.strip() for line in shown.splitlines() if line.strip().startswith("curl "))
        assert json.loads(cli.shell(post)) == {"itemId": "1", "name": "Widget"}
        assert json.loads(cli.shell(get)) == {"itemId": "1", "name": "Widget"}
        assert states(cli.json("up", "--yes"), "change") == {"unchanged"}
        report = cli.json("smoke")
        assert [check for check in report["checks"] if not check["ok"]] == []
        assert json.loads(cli.shell(get)) == {"itemId": "1", "name": "Widget"}
        assert states(cli.json("status")) == {"ok"}
        cli.ok("down", "--yes")
        assert local.find(cli.home) is None
        eventually(lambda: not cli.processes())
        assert cli("status").returncode == 4
        assert states(cli.json("down", "--yes"), "change") <= {"absent"}


def test_down_leaves_the_other_stack_and_nothing_of_its_own(cli: Cli) -> None:
    cli.ok("up", "--yes", "--name", "team-todo")
    others = names(cli)
    cli.ok("up", "--yes")
    assert names(cli) > others
    cli.ok("down", "--yes")
    assert names(cli) == others
    cli.ok("down", "--yes", "--name", "team-todo")
    assert local.find(cli.home) is None


def test_every_curl_line_of_smoke_works_in_a_shell(cli: Cli) -> None:
    cli.ok("up", "--yes")
    for check in cli.json("smoke")["checks"]:
        shown = cli.shell(f"{check['curl']} --silent --show-error")
        assert shown.startswith("HTTP/1.1 ") or check["name"].startswith("the tutorial's"), check


def test_what_was_changed_by_hand_is_seen_and_repaired(cli: Cli) -> None:
    endpoint = cli.json("up", "--yes")["endpoint"]
    api_id = endpoint.split("/")[2].split(".")[0]
    cli.client("iam").delete_role_policy(RoleName="items-api-role", PolicyName="items-table-access")
    cli.client("lambda").update_function_configuration(FunctionName="items-api", MemorySize=512)
    cli.client("lambda").remove_permission(FunctionName="items-api", StatementId="apigw")
    cli.client("logs").put_retention_policy(logGroupName="/aws/lambda/items-api", retentionInDays=1)
    for route in cli.client("apigatewayv2").get_routes(ApiId=api_id)["Items"]:
        cli.client("apigatewayv2").delete_route(ApiId=api_id, RouteId=route["RouteId"])
    status = cli("status", "--json")
    assert status.returncode == 3
    assert states(json.loads(status.stdout)) == {"ok", "drifted", "missing"}
    cli.ok("up", "--yes")
    assert states(cli.json("status")) == {"ok"}
    cli.ok("smoke")


def test_items_come_back_after_a_stop_under_the_same_endpoint(cli: Cli) -> None:
    endpoint = cli.json("up", "--yes")["endpoint"]
    cli.shell(f"""curl --fail -X POST {endpoint}/items -d '{{"itemId":"kept","n":1.5}}'""")
    local.stop(cli.home)
    assert cli.json("status")["endpoint"] == endpoint
    assert cli.shell(f"curl --fail {endpoint}/items/kept") == '{"itemId":"kept","n":1.5}'


def test_a_killed_local_aws_is_started_again_by_whatever_comes_next_and_its_cost_is_said(cli: Cli) -> None:
    endpoint = cli.json("up", "--yes")["endpoint"]
    cli.shell(f"""curl --fail -X POST {endpoint}/items -d '{{"itemId":"kept"}}'""")
    saved = cli.home / "local-aws" / "state" / "dynamodb.json"
    eventually(lambda: saved.exists() and '"kept"' in saved.read_text())
    cli.kill()
    again = cli("smoke")
    assert again.returncode == 0
    assert "The local AWS had been killed or had crashed: what changed after its last save, " in (
        again.stdout + again.stderr
    )
    assert json.loads(cli.shell(f"curl --fail {endpoint}/items/kept")) == {"itemId": "kept"}


def test_a_port_that_another_program_took_ends_in_one_block(cli: Cli) -> None:
    cli.ok("up", "--yes")
    local.stop(cli.home)
    with socket.create_server(("127.0.0.1", cli.port)):
        refused = cli("up", "--yes")
    assert refused.returncode == 1
    assert f"Another program listens on its port {cli.port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_up_in_a_pipe_ends_and_so_does_the_reader(cli: Cli) -> None:
    """The server must not hold on to the pipe of the command that started it."""
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} up --local --yes | cat"],
        cwd=cli.home,
        env=cli.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "\x1b" not in done.stdout
    assert "/items/1" in done.stdout
