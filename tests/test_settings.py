"""Settings: all names are derived from one, and values that AWS would reject are rejected before the first call."""

import shlex
from typing import Any

import pytest

from items_api.errors import InvalidSetting
from items_api.settings import Arns, Settings, parse_tags


@pytest.mark.parametrize(
    ("settings", "name", "table"),
    [(Settings(), "items", "Items"), (Settings(name="team-todo"), "team-todo", "TeamTodo")],
)
def test_the_default_names_are_the_tutorials_and_others_follow_the_same_pattern(
    settings: Settings, name: str, table: str
) -> None:
    assert settings.table_name == table
    assert settings.function_name == f"{name}-api"
    assert settings.role_name == f"{name}-api-role"
    assert settings.policy_name == f"{name}-table-access"
    assert settings.log_group_name == f"/aws/lambda/{name}-api"
    assert settings.api_name == f"{name}-http-api"
    assert settings.statement_id == "apigw"


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_arns_use_the_partition_of_the_region(region: str, partition: str) -> None:
    arns = Arns(Settings(region=region), "123456789012")
    assert arns.role == f"arn:{partition}:iam::123456789012:role/items-api-role"
    assert arns.table == f"arn:{partition}:dynamodb:{region}:123456789012:table/Items"
    assert arns.invoke_source("a1b2") == f"arn:{partition}:execute-api:{region}:123456789012:a1b2/*"


def test_an_index_is_named_after_its_attribute() -> None:
    names = Settings(indexes=("owner", "due.date-2_x", "x" * 249)).index_names
    assert names == {"due.date-2_x": "due.date-2_x-index", "owner": "owner-index", "x" * 249: "x" * 249 + "-index"}
    assert all(3 <= len(name) <= 255 for name in names.values())


def test_owner_tags_are_added_to_the_users_tags() -> None:
    settings = Settings(name="todo", region="eu-west-1", tags={"team": "web"})
    assert settings.all_tags == {
        "team": "web",
        "managed-by": "items-api",
        "items-api:stack": "todo",
        "items-api:region": "eu-west-1",
    }


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"region": "moon"}, "--region moon is not"),
        ({"region": "us-east-1\n"}, "--region"),
        ({"memory": 100}, "--memory 100 .* 128 to 10240 MB"),
        ({"memory": 10_241}, "--memory 10241"),
        ({"timeout": 0}, "--timeout 0"),
        ({"timeout": 31}, "--timeout 31 .* 1 to 30 seconds"),
        ({"log_retention": 13}, "--log-retention 13 .* Use 14, the nearest"),
        ({"log_retention": 10}, "Use 7, the nearest"),
        ({"log_retention": 2}, "Use 1 or 3, the nearest"),
        ({"log_retention": 9999}, "Use 3653, the nearest"),
        ({"throttle_rate": 0}, "--throttle-rate 0"),
        ({"throttle_burst": 5001}, "--throttle-burst 5001"),
        ({"permissions_boundary": "items-boundary"}, "--permissions-boundary items-boundary is not the ARN of"),
        ({"permissions_boundary": "arn:aws:iam::123456789012:role/items"}, "is not the ARN of an IAM policy"),
        ({"permissions_boundary": "arn:aws:iam::12345:policy/items"}, "Use one like arn:aws:iam::1234"),
        ({"permissions_boundary": "arn:aws:iam::123456789012:policy/a b"}, "is not the ARN of an IAM policy"),
        ({"cors_origins": ()}, "--cors-origin is empty"),
        ({"cors_origins": ("https://a.example/",)}, "trailing slash"),
        ({"cors_origins": ("https://a.example/app",)}, "no path"),
        ({"cors_origins": ("https://a.example?x",)}, "no path, query"),
        ({"cors_origins": ("a.example",)}, "neither http:// nor https://"),
        ({"cors_origins": ("ftp://a.example",)}, "neither http:// nor https://"),
        ({"cors_origins": ("https://A.example",)}, "lowercase"),
        ({"cors_origins": ("https://user@a.example",)}, "user name"),
        ({"cors_origins": ("https://a.example:443",)}, "default port"),
        ({"cors_origins": ("https://*.a.example",)}, "wildcard in its host name.* use https://\\* for all"),
        ({"cors_origins": ("http://*:8080",)}, "wildcard in its host name"),
        ({"cors_origins": ("https://a.example:99999",)}, "cannot be parsed"),
        ({"cors_origins": ("*", "https://a.example")}, "combines '\\*' with other origins"),
        ({"cors_origins": ("https://a.example", "https://a.example")}, "twice"),
        ({"indexes": ("a", "b", "c", "d", "e", "f")}, "--index is given 6 times.* Use up to 5 indexes"),
        ({"indexes": ("owner", "owner")}, "--index owner is given twice"),
        ({"indexes": ("itemId",)}, "--index itemId is not available.* use GET /items/{id}"),
        ({"indexes": ("limit",)}, "--index limit is not available"),
        ({"indexes": ("next",)}, "--index next is not available"),
        ({"indexes": ("",)}, "--index '' is not an attribute that can have an index"),
        ({"indexes": ("own er",)}, "is not an attribute that can have an index.* such as owner"),
        ({"indexes": ("eigentümer",)}, "is not an attribute that can have an index"),
        ({"indexes": ("owner\n",)}, "is not an attribute that can have an index"),
        ({"indexes": ("items-api:revision",)}, "is not an attribute that can have an index"),
        ({"indexes": ("x" * 250,)}, "has 250 characters.* up to 249"),
        ({"tags": {"Team": "x", "team": "y"}}, "differ only in case"),
        ({"tags": {"Managed-By": "me"}}, "reserved key"),
        ({"tags": {"a": "line\nbreak"}}, "letters, digits"),
        ({"tags": {"aws:x": "y"}}, "belong to AWS"),
        ({"tags": {"managed-by": "me"}}, "reserved key"),
        ({"tags": {"items-api:stack": "me"}}, "reserved key"),
        ({"tags": {"a" * 129: "y"}}, "1 to 128"),
        ({"tags": {"a": "y" * 257}}, "256 in the value"),
        ({"tags": {"a": "<script>"}}, "letters, digits"),
        ({"tags": {f"k{i}": "v" for i in range(48)}}, "--tag sets 48 tags"),
    ],
)
def test_an_invalid_value_is_rejected_and_the_message_says_what_is_valid(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        Settings(**setting)


@pytest.mark.parametrize(
    ("name", "why", "suggested"),
    [
        ("1todo", "It starts with a digit.", "todo"),
        ("-items", "It starts with a hyphen.", "items"),
        ("items-", "It ends with a hyphen.", "items"),
        ("team--todo", "It has two hyphens in a row.", "team-todo"),
        ("teamTodo", "It has an uppercase letter.", "team-todo"),
        ("Team_Todo", "It has an uppercase letter and has an underscore.", "team-todo"),
        ("my items", "It contains a space.", "my-items"),
        ("items\n", "It contains '\\n'.", "items"),
        ("x" * 41, "It is 1 character too long.", "x" * 40),
        ("x" * 45, "It is 5 characters too long.", "x" * 40),
        ("a-b", "It is too short: it needs at least 3 letters and digits.", "team-todo"),
        ("", "It is too short: it needs at least 3 letters and digits.", "team-todo"),
    ],
)
def test_an_invalid_name_is_rejected_with_the_broken_rules_and_a_valid_name(
    name: str, why: str, suggested: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings(name=name)
    assert caught.value.what == f"--name {shlex.quote(name)} is not a valid stack name."
    assert caught.value.why == why
    assert caught.value.todo.endswith(f"for example {suggested}.")
    assert Settings(name=suggested)


@pytest.mark.parametrize(
    "origin",
    ["https://a.example", "http://localhost:3000", "https://*", "http://*", "http://[::1]:8080", "http://10.0.0.1"],
)
def test_an_origin_is_accepted_as_browsers_send_it(origin: str) -> None:
    assert Settings(cors_origins=(origin,)).cors_origins == (origin,)


def test_a_tag_value_may_contain_equals_signs() -> None:
    assert parse_tags(["team=web", "query=a=b", "empty="]) == {"team": "web", "query": "a=b", "empty": ""}


@pytest.mark.parametrize("pairs", [["team"], ["=web"], ["a=1", "a=2"]])
def test_a_malformed_tag_is_rejected(pairs: list[str]) -> None:
    with pytest.raises(InvalidSetting, match="--tag"):
        parse_tags(pairs)
