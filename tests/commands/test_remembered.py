"""A stack remembers the settings that it was given. An option, a variable or the file overrides them."""

from pathlib import Path

import boto3
import pytest

from tests.commands.conftest import Run, document

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/Items"


def sources(run: Run, *arguments: str) -> dict[str, tuple[object, str]]:
    """What `status` says about each setting that is not a default."""
    listed = document(run("status", "--json", *arguments))["settings"]
    return {s["setting"]: (s["value"], s["source"]) for s in listed if s["source"] != "default"}


def set_tag(value: str) -> None:
    boto3.client("dynamodb").tag_resource(ResourceArn=TABLE, Tags=[{"Key": "items-api:settings", "Value": value}])


def test_a_later_command_without_options_keeps_them(run: Run) -> None:
    run("up", "--memory", "512", "--tag", "team=web", "--cors-origin", "https://a.example.com")
    assert run("status").exit_code == 0
    second = run("up")
    assert "Settings from the stack: tag team=web, cors-origin https://a.example.com, memory 512\n" in second.stdout
    assert second.stdout.count("= unchanged") == 7
    assert boto3.client("lambda").get_function_configuration(FunctionName="items-api")["MemorySize"] == 512


def test_option_variable_and_file_override_them_in_this_order(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run("up", "--memory", "512", "--timeout", "5")
    assert sources(run) == {"memory": (512, "stack"), "timeout": (5, "stack")}
    Path("items-api.toml").write_text("memory = 1024\n")
    assert sources(run)["memory"] == (1024, "file")
    monkeypatch.setenv("ITEMS_API_MEMORY", "2048")
    assert sources(run)["memory"] == (2048, "variable")
    assert sources(run, "--memory", "4096") == {"memory": (4096, "option"), "timeout": (5, "stack")}


def test_settings_from_a_file_are_remembered_too(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("items-api.toml").write_text("memory = 1024\n")
    run("up")
    Path("items-api.toml").unlink()
    assert sources(run) == {"memory": (1024, "stack")}
    assert run("status").exit_code == 0


def test_giving_the_default_changes_a_setting_back(run: Run) -> None:
    run("up", "--memory", "512")
    run("up", "--memory", "256")
    assert sources(run) == {"memory": (256, "stack")}
    assert run("status").exit_code == 0


def test_a_dry_run_changes_nothing_that_the_stack_remembers(run: Run) -> None:
    run("up", "--memory", "512")
    assert run("up", "--dry-run", "--memory", "1024").exit_code == 3
    assert sources(run) == {"memory": (512, "stack")}


def test_a_remembered_value_that_would_weaken_the_stack_asks_first(run: Run) -> None:
    run("up", "--throttle-rate", "50")
    api = boto3.client("apigatewayv2")
    api.update_stage(
        ApiId=api.get_apis()["Items"][0]["ApiId"],
        StageName="$default",
        DefaultRouteSettings={"ThrottlingRateLimit": 5.0, "ThrottlingBurstLimit": 200},
    )
    assert "raise the throttle rate from 5 to 50" in run("up").stderr
    assert run("up", "--yes").exit_code == 0


def test_without_its_tag_a_stack_falls_back_to_the_defaults_and_up_says_so(run: Run) -> None:
    run("up", "--memory", "512")
    boto3.client("dynamodb").untag_resource(ResourceArn=TABLE, TagKeys=["items-api:settings"])
    result = run("up")
    assert "The stack does not remember its settings" in result.stdout
    assert sources(run) == {}
    assert run("status").exit_code == 0
    assert boto3.client("lambda").get_function_configuration(FunctionName="items-api")["MemorySize"] == 256


def test_a_new_stack_says_nothing_about_settings(run: Run) -> None:
    assert "remember" not in run("up").stdout
    assert "remember" not in run("up").stdout


def test_keep_table_keeps_the_settings_with_the_data(run: Run) -> None:
    run("up", "--memory", "512")
    run("down", "--yes", "--keep-table")
    assert sources(run) == {"memory": (512, "stack")}


def test_down_deletes_them(run: Run) -> None:
    run("up", "--memory", "512")
    run("down", "--yes")
    run("up")
    assert sources(run) == {}


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("memory=99", "Error: memory=99 in the tag items-api:settings of the table is out of range."),
        ("memory=lots", "Error: memory=lots in the tag items-api:settings of the table is invalid."),
        (
            "color=blue",
            "Error: color=blue in the tag items-api:settings of the table is not a setting of this version.",
        ),
    ],
)
def test_an_invalid_tag_is_named_and_does_not_prevent_down(run: Run, tag: str, message: str) -> None:
    run("up")
    set_tag(tag)
    result = run("up")
    assert (result.exit_code, result.stderr.partition("\n")[0]) == (2, message)
    assert run("down", "--yes").exit_code == 0


@pytest.mark.parametrize("tag", ["memory=99", "memory=lots"])
def test_a_given_value_replaces_an_invalid_one(run: Run, tag: str) -> None:
    run("up")
    set_tag(tag)
    assert run("up", "--memory", "512").exit_code == 0
    assert sources(run) == {"memory": (512, "stack")}


def test_tags_that_are_no_longer_given_are_removed_everywhere(run: Run) -> None:
    run("up", "--tag", "team=web", "--tag", "stage=dev")
    second = run("up", "--tag", "team=web")
    assert second.stdout.count("tags.stage: dev → none") == 6  # five resources, and the stage of the API
    for name in ("lambda", "logs", "apigatewayv2", "dynamodb", "iam"):
        assert "dev" not in str(all_tags(name))
    assert run("status").exit_code == 0
    assert run("up").stdout.count("= unchanged") == 7


def test_tags_of_others_stay(run: Run) -> None:
    run("up", "--tag", "team=web")
    boto3.client("dynamodb").tag_resource(ResourceArn=TABLE, Tags=[{"Key": "cost", "Value": "7"}])
    assert "unchanged" in run("up", "--tag", "stage=dev").stdout
    assert "cost" in str(all_tags("dynamodb"))


def test_an_empty_list_in_the_file_removes_all_tags(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    run("up", "--tag", "team=web")
    Path("items-api.toml").write_text("tag = []\n")
    assert run("up").exit_code == 0
    assert "web" not in str(all_tags("iam"))
    assert run("status").exit_code == 0


def test_a_shorter_list_leaves_no_tag_behind(run: Run) -> None:
    run("up", *(word for number in range(20) for word in ("--cors-origin", f"https://app-{number}.example.com")))
    assert "items-api:settings-4" in str(all_tags("dynamodb"))
    assert run("up", "--cors-origin", "https://app-1.example.com").exit_code == 0
    assert "items-api:settings-" not in str(all_tags("dynamodb"))


def all_tags(service: str) -> object:
    """The tags of the stack's resource in a service."""
    client = boto3.client(service)  # type: ignore[call-overload]
    if service == "dynamodb":
        return client.list_tags_of_resource(ResourceArn=TABLE)["Tags"]
    if service == "iam":
        return client.list_role_tags(RoleName="items-api-role")["Tags"]
    if service == "logs":
        arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/items-api"
        return client.list_tags_for_resource(resourceArn=arn)["tags"]
    if service == "lambda":
        return client.get_function(FunctionName="items-api")["Tags"]
    api = client.get_apis()["Items"][0]
    return [api["Tags"], client.get_stages(ApiId=api["ApiId"])["Items"][0]["Tags"]]
