"""`items-api local start`, `stop`, `status` and `reset`, as a process."""

import json
import os
import signal
import socket

import psutil

from items_api import local
from tests.local.conftest import Cli, eventually, kill, run


def test_start_and_stop_report_whether_they_changed_anything(cli: Cli) -> None:
    changes = [cli.json("local", command)["change"] for command in ("stop", "start", "start", "stop", "stop")]
    assert changes == ["unchanged", "started", "unchanged", "stopped", "unchanged"]


def test_stacks_and_items_survive_stop_and_start(cli: Cli) -> None:
    endpoint = cli.json("up")["endpoint"]
    cli.shell(f"""curl --fail -X POST {endpoint}/items -d '{{"itemId":"kept"}}'""")
    assert cli.ok("local", "stop") == "The local AWS saved its data and stopped.\n"
    assert f"http://127.0.0.1:{cli.port}" in cli.ok("local", "start")
    assert cli.shell(f"curl --fail {endpoint}/items/kept") == '{"itemId":"kept"}'


def test_status_shows_the_stacks_and_when_they_were_saved(cli: Cli) -> None:
    endpoint = cli.json("up", "--name", "team-todo", "--region", "eu-central-1")["endpoint"]
    shown = cli.ok("local", "status")
    assert f"  AWS endpoint   http://127.0.0.1:{cli.port}\n" in shown
    assert f"  Stack          {endpoint}  team-todo, eu-central-1\n" in shown
    assert "  Resources      5\n" in shown
    eventually(lambda: local.status(cli.running()).saved)
    document = cli.json("local", "status")
    assert document["endpoint"] == f"http://127.0.0.1:{cli.port}"
    assert document["stacks"] == [{"name": "team-todo", "region": "eu-central-1", "endpoint": endpoint}]
    assert (document["ok"], document["running"], document["pid"]) == (True, True, cli.running().pid)
    state = document["state"]
    assert state["save_interval"] >= 1.0  # longer on a slow computer
    assert state["save_error"] is None
    assert state["saved"] >= document["started"]
    assert state["bytes"] > 0


def test_status_of_one_that_is_not_running_exits_with_4_and_does_not_start_it(cli: Cli) -> None:
    for before in ((), ("local", "start")):
        if before:
            cli.ok(*before)
            cli.ok("local", "stop")
        status = cli("local", "status")
        assert (status.returncode, status.stdout.splitlines()[0]) == (4, "The local AWS is not running.")
        assert local.find(cli.home) is None
    assert "Its data (" in status.stdout
    document = cli.json("local", "status")
    assert (document["ok"], document["running"], document["endpoint"]) == (False, False, None)
    assert document["state"]["saved"]


def test_status_says_what_a_crash_may_have_lost(cli: Cli) -> None:
    cli.ok("local", "start")
    kill(cli.home)
    assert "The local AWS crashed or was killed" in cli("local", "status").stdout


def test_no_command_prints_the_secrets(cli: Cli) -> None:
    output = cli.ok("local", "start") + cli.ok("local", "status") + cli("local", "status", "--json").stdout
    assert cli.running().access_key not in output
    assert cli.running().secret_key not in output


def test_reset_deletes_everything_after_confirmation(cli: Cli) -> None:
    cli.ok("up")
    unconfirmed = cli("local", "reset")
    assert (unconfirmed.returncode, local.find(cli.home) is not None) == (1, True)
    assert "Add --yes to confirm." in unconfirmed.stderr
    assert cli.json("local", "reset", "--yes")["change"] == "deleted"
    eventually(lambda: not cli.processes())
    assert {path.name for path in (cli.home / "local-aws").iterdir()} == {"commands.lock", "server.lock"}
    assert cli("status").returncode == 4
    assert cli.json("local", "reset", "--yes")["change"] == "absent"


def test_reset_ends_one_that_does_not_respond(cli: Cli) -> None:
    cli.ok("local", "start")
    os.kill(cli.running().pid, signal.SIGSTOP)
    eventually(lambda: psutil.Process(cli.running().pid).status() == psutil.STATUS_STOPPED)
    cli.ok("local", "reset", "--yes")
    assert local.find(cli.home) is None


def test_damaged_settings_are_an_error_that_stop_and_start_repair_without_data_loss(cli: Cli) -> None:
    cli.ok("up")
    settings = cli.home / "local-aws" / "settings.json"
    for damage in ("", "[]", '{"port": "x"}'):
        settings.write_text(damage)
        status = cli("status")
        assert (status.returncode, "Run items-api local stop." in status.stderr) == (1, True)
        cli.ok("local", "stop")
        settings.write_text("{}" if damage.startswith("{") else damage)
        assert cli.json("status")["ok"]


def test_reset_repairs_settings_with_which_it_cannot_start(cli: Cli) -> None:
    (cli.home / "local-aws" / "settings.json").write_text('{"port": 99999}')
    started = cli("local", "start")
    assert (started.returncode, "invalid port: 99999" in started.stderr) == (1, True)
    cli.ok("local", "reset", "--yes")
    cli.ok("local", "start")


def test_reset_explains_how_to_end_a_process_that_it_cannot_identify(cli: Cli) -> None:
    cli.ok("local", "start")
    process = cli.home / "local-aws" / "process.json"
    content = process.read_text()
    process.write_text("damaged")
    reset = cli("local", "reset", "--yes")
    process.write_text(content)
    assert reset.returncode == 1
    assert f"lsof {cli.home}/local-aws/server.lock" in reset.stderr


def test_functions_work_after_the_aws_port_was_taken_by_another_program(cli: Cli) -> None:
    endpoint = cli.json("up")["endpoint"]
    eventually(lambda: "apigw" in (cli.home / "local-aws" / "state" / "lambda.json").read_text())
    kill(cli.home)
    with socket.create_server(("127.0.0.1", cli.port)):
        smoke = cli("smoke", "--json")
    document = json.loads(smoke.stdout)
    assert (smoke.returncode, document["endpoint"]) == (0, endpoint)
    assert f"Another program uses port {cli.port}, so the AWS endpoint is now http://127.0.0.1:" in smoke.stderr
    assert "Another program" not in cli("smoke", "--json").stderr


def test_after_local_env_the_other_commands_say_that_they_do_not_work_on_aws(cli: Cli) -> None:
    cli.ok("up")
    shell = f'eval "$({cli.command} local env)" && {cli.command} list'
    user = cli.environment.items()
    clean = {name: value for name, value in user if not name.startswith("AWS_") and "proxy" not in name.lower()}
    done = run(["sh", "-c", shell], env=clean)
    endpoint = cli.running().endpoint_url
    assert done.stdout.startswith(f"Stacks in account 123456789012, region us-east-1, at {endpoint}\n  items  ")
