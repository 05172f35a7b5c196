"""The life cycle of a stack with the real command, on the local AWS."""

import json
import re
from typing import Any

from items_api import local
from tests.local.conftest import COMMAND, Cli, eventually, kill, run


def names(cli: Cli) -> set[str]:
    """The names of all existing resources."""
    return {
        *cli.client("dynamodb").list_tables()["TableNames"],
        *(role["RoleName"] for role in cli.client("iam").list_roles()["Roles"]),
        *(group["logGroupName"] for group in cli.client("logs").describe_log_groups()["logGroups"]),
        *(function["FunctionName"] for function in cli.client("lambda").list_functions()["Functions"]),
        *(api["Name"] for api in cli.client("apigatewayv2").get_apis()["Items"]),
    }


def states(report: Any, key: str = "state") -> set[str]:
    return {resource[key] for resource in report["resources"]}


def test_up_tutorial_commands_smoke_and_down_work_twice_in_a_row(cli: Cli) -> None:
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


def test_down_deletes_everything_of_its_stack_and_nothing_of_another(cli: Cli) -> None:
    cli.ok("up", "--yes", "--name", "team-todo")
    others = names(cli)
    cli.ok("up", "--yes")
    assert names(cli) > others
    cli.ok("down", "--yes")
    assert names(cli) == others
    cli.ok("down", "--yes", "--name", "team-todo")
    assert local.find(cli.home) is None


def test_every_curl_command_of_smoke_works_in_a_shell_and_every_request_is_logged(cli: Cli) -> None:
    cli.ok("up", "--yes")
    for check in cli.json("smoke")["checks"]:
        output = cli.shell(f"{check['curl']} --silent --show-error")
        assert output.startswith("HTTP/1.1 ") == check["curl"].startswith("curl -i "), check
    statuses = {event["request"]["status"] for event in cli.json("logs")["events"] if event["request"]}
    assert statuses >= {200, 201, 204, 400, 404, 412}
    assert re.search(r"POST +/items +201", cli.ok("logs"))


def test_smoke_shows_one_line_per_check_and_every_curl_command_with_verbose(cli: Cli) -> None:
    cli.ok("up", "--yes")
    checks = len(cli.json("smoke")["checks"])
    assert len(cli.ok("smoke").splitlines()) == 1 + 1 + checks + 1  # the stack, the endpoint, the checks, the result
    assert cli.ok("-v", "smoke").count("\n      curl ") == checks
    assert cli.ok("smoke", "--quiet") == f"{checks} of {checks} checks passed.\n"


def test_manual_changes_are_reported_and_repaired(cli: Cli) -> None:
    cli.ok("up", "--yes")
    [api] = cli.client("apigatewayv2").get_apis()["Items"]
    api_id = api["ApiId"]
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


def test_items_and_endpoint_are_the_same_after_a_restart(cli: Cli) -> None:
    endpoint = cli.json("up", "--yes")["endpoint"]
    cli.shell(f"""curl --fail -X POST {endpoint}/items -d '{{"itemId":"kept","n":1.5}}'""")
    local.stop(cli.home)
    assert cli.json("status")["endpoint"] == endpoint
    assert cli.shell(f"curl --fail {endpoint}/items/kept") == '{"itemId":"kept","n":1.5}'


def test_the_next_command_restarts_a_killed_local_aws_and_reports_the_data_loss(cli: Cli) -> None:
    endpoint = cli.json("up", "--yes")["endpoint"]
    cli.shell(f"""curl --fail -X POST {endpoint}/items -d '{{"itemId":"kept"}}'""")
    state = cli.home / "local-aws" / "state"

    def has(service: str, text: str) -> bool:
        file = state / f"{service}.json"
        return file.exists() and text in file.read_text()

    eventually(lambda: has("dynamodb", '"kept"') and has("lambda", '"live"'))
    kill(cli.home)
    restarted = cli("smoke")
    assert restarted.returncode == 0
    assert "The local AWS crashed or was killed. Changes after its last save (" in restarted.stdout + restarted.stderr
    assert json.loads(cli.shell(f"curl --fail {endpoint}/items/kept")) == {"itemId": "kept"}


def test_up_in_a_pipe_does_not_keep_the_pipe_open(cli: Cli) -> None:
    """The server must not inherit it from the command that started it."""
    done = run(["sh", "-c", f"{COMMAND} up --local --yes | cat"], cwd=cli.home, env=cli.environment)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "/items/1" in done.stdout


def test_apis_and_stages_list_their_current_tags(cli: Cli) -> None:
    cli.ok("up", "--tag", "team=web", "--tag", "old=1")
    gateway = cli.client("apigatewayv2")
    [api] = gateway.get_apis()["Items"]
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    for resource in (arn, f"{arn}/stages/$default"):
        gateway.tag_resource(ResourceArn=resource, Tags={"team": "api"})
        gateway.untag_resource(ResourceArn=resource, TagKeys=["old"])
    [stage] = gateway.get_stages(ApiId=api["ApiId"])["Items"]
    for listed in (gateway.get_apis()["Items"][0], stage):
        assert (listed["Tags"]["team"], "old" in listed["Tags"]) == ("api", False)
    cli.ok("up", "--tag", "team=web")
    assert cli.json("up", "--dry-run", "--tag", "team=web")["ok"]
