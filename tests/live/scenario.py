"""The steps of a run, in order. Each uses the real command, and boto3 for what a person would change by hand."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError

from items_api.export import deployer
from items_api.settings import Settings
from tests.live import probes
from tests.live.existing import STARTED_TAG, delete_role, deployer_role
from tests.live.processes import Processes, StepFailed

# An emulator accepts only policies for all resources for these.
_WITHOUT_RESOURCE_ON_EMULATORS = {
    *("dynamodb:ListTagsOfResource", "dynamodb:TagResource", "lambda:CreateFunction", "logs:DescribeLogGroups"),
}
_ROLE_SECONDS = 60.0  # until a new role can be assumed


@dataclass
class Run:
    """One run: its stack, and how to reach it."""

    session: boto3.Session
    account: str
    caller: str  # the ARN of the caller's identity
    settings: Settings
    processes: Processes
    emulated: bool

    def expect_states(self, code: int, *states: str) -> None:
        """`status` exits with this code and reports exactly these states."""
        found = {resource["state"] for resource in self.processes.run("status", expect=code)["resources"]}
        _expect(found == set(states), f"status reports {sorted(found)}, not {sorted(states)}")


def steps(run: Run) -> Iterator[tuple[str, Callable[[], None]]]:
    """The names of the steps and what they do. Each step needs those before it."""
    every: tuple[Callable[[Run], None], ...] = (
        up,
        up_again,
        status,
        smoke,
        probes_of_http,
        drift_and_repair,
        rollback,
        iam_authorization,
        recreated_role,
        down,
        restricted_deployer,
        concurrent_up,
        killed_down,
        killed_up,
        final_down,
    )
    for step in every:
        yield step.__name__.replace("_", " "), partial(step, run)


def up(run: Run) -> None:
    _expect_changes(run.processes.run("up", "--yes"), "created")


def up_again(run: Run) -> None:
    _expect_changes(run.processes.run("up", "--yes"), "unchanged")


def status(run: Run) -> None:
    run.expect_states(0, "ok")


def smoke(run: Run) -> None:
    run.processes.run("smoke")


def probes_of_http(run: Run) -> None:
    endpoint = run.processes.run("status")["endpoint"]
    probes.record(endpoint, run.processes.recording, run.account, run.processes.started)


def drift_and_repair(run: Run) -> None:
    """Another memory size, no permission and a missing route are reported and repaired."""
    function = run.settings.function_name
    run.session.client("lambda").remove_permission(FunctionName=function, Qualifier="live", StatementId="apigw")
    run.session.client("lambda").update_function_configuration(FunctionName=function, MemorySize=512)
    gateway = run.session.client("apigatewayv2")
    [api] = [api for api in gateway.get_apis()["Items"] if api["Name"] == run.settings.api_name]
    gateway.delete_route(ApiId=api["ApiId"], RouteId=gateway.get_routes(ApiId=api["ApiId"])["Items"][0]["RouteId"])
    run.expect_states(3, "ok", "drifted", "missing")
    run.processes.run("up", "--yes")
    run.expect_states(0, "ok")
    run.processes.run("smoke")


def rollback(run: Run) -> None:
    """A changed setting is a new version, and the old one comes back."""
    run.processes.run("up", "--yes", "--memory", "320")
    run.processes.run("rollback", "--yes")
    run.expect_states(3, "ok", "drifted")
    run.processes.run("up", "--yes")
    run.expect_states(0, "ok")


def iam_authorization(run: Run) -> None:
    run.processes.run("up", "--yes", "--auth", "iam")
    run.processes.run("smoke")
    run.processes.run("up", "--yes", "--auth", "none")
    run.expect_states(0, "ok")


def recreated_role(run: Run) -> None:
    """A role of the same name and tags is another principal, and has no policy."""
    iam: Any = run.session.client("iam")
    name = run.settings.role_name
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    delete_role(run.session, name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), Tags=run.settings.tag_list)
    run.processes.run("status", expect=3)
    run.processes.run("up", "--yes")
    run.expect_states(0, "ok")
    run.processes.run("smoke")


def down(run: Run) -> None:
    run.processes.run("down", "--yes")
    run.processes.run("status", expect=4)


def restricted_deployer(run: Run) -> None:
    """The exported policy is enough for this stack, and grants nothing for another one."""
    try:
        environment = _restricted_credentials(run)
        _expect_changes(run.processes.run("up", "--yes", environment=environment), "created")
        run.processes.run("status", environment=environment)
        run.processes.run("logs", environment=environment)
        other = run.processes.run("up", "--yes", "--name", f"{run.settings.name}-x", expect=1, environment=environment)
        _expect(other["error"]["type"] == "AccessDenied", "another stack: expected AccessDenied")
        run.processes.run("down", "--yes", environment=environment)
    finally:
        delete_role(run.session, deployer_role(run.settings.name))


def concurrent_up(run: Run) -> None:
    """Two at the same time create one stack. One may report an error that the next `up` resolves."""
    both = [run.processes.start("up", "--yes", overlapping=True) for _ in range(2)]
    try:
        for one in both:
            one.document(0, 1)
    finally:
        for one in both:
            one.end()
    run.processes.run("up", "--yes")
    run.expect_states(0, "ok")
    run.processes.run("smoke")


def killed_down(run: Run) -> None:
    run.processes.start("down", "--yes", overlapping=True).kill_after("DeleteApi")
    run.processes.run("down", "--yes")
    run.processes.run("status", expect=4)


def killed_up(run: Run) -> None:
    run.processes.start("up", "--yes", overlapping=True).kill_after("CreateApi")
    run.processes.run("up", "--yes")
    run.expect_states(0, "ok")


def final_down(run: Run) -> None:
    down(run)
    _expect_changes(run.processes.run("down", "--yes"), "absent")


def _restricted_credentials(run: Run) -> Mapping[str, str]:
    """Credentials of a temporary role that has the exported policy and that only the caller may assume.

    A session policy would need no role, but it is limited to 2,048 characters, which the exported policy exceeds, and
    credentials from GetFederationToken cannot call IAM:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
    """
    iam: Any = run.session.client("iam")
    name = deployer_role(run.settings.name)
    statement = {"Effect": "Allow", "Principal": {"AWS": run.caller}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=run.settings.tag_list)["Role"]
    document = deployer.policy(run.settings, run.account)
    if run.emulated:
        for one in document["Statement"]:
            if _WITHOUT_RESOURCE_ON_EMULATORS & set(one["Action"]):
                one["Resource"] = ["*"]
    iam.put_role_policy(RoleName=name, PolicyName="deployer", PolicyDocument=json.dumps(document))
    credentials = _assume(run, role["Arn"])
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def _assume(run: Run, role: str) -> Any:
    deadline = time.monotonic() + _ROLE_SECONDS
    while True:
        try:
            return run.session.client("sts").assume_role(RoleArn=role, RoleSessionName="live")["Credentials"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied" or time.monotonic() > deadline:
                raise
        time.sleep(1)


def _expect_changes(document: Any, *changes: str) -> None:
    found = {resource["change"] for resource in document["resources"]}
    _expect(found == set(changes), f"{document['command']} reports {sorted(found)}, not {sorted(changes)}")


def _expect(ok: bool, problem: str) -> None:
    if not ok:
        raise StepFailed(problem)


def owner_tag(started: str) -> str:
    """The tag by which the sweep of a later run recognizes what this run left."""
    return f"{STARTED_TAG}={started}"
