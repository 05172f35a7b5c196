"""The exact links to the AWS console, in each partition."""

import pytest

from items_api.observe.details import console_links, log_group_fragment
from items_api.settings import Settings


def test_links_of_the_default_stack() -> None:
    assert console_links(Settings(), "a1b2c3d4e5") == {
        "AWS::DynamoDB::Table": "https://us-east-1.console.aws.amazon.com/dynamodbv2/home?region=us-east-1"
        "#table?name=Items",
        "AWS::IAM::Role": "https://console.aws.amazon.com/iam/home#/roles/details/items-api-role",
        "AWS::Logs::LogGroup": "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fitems-api",
        "AWS::Lambda::Function": "https://us-east-1.console.aws.amazon.com/lambda/home?region=us-east-1"
        "#/functions/items-api",
        "AWS::ApiGatewayV2::Api": "https://us-east-1.console.aws.amazon.com/apigateway/main/api-detail"
        "?api=a1b2c3d4e5&region=us-east-1",
    }


@pytest.mark.parametrize(
    ("region", "console"),
    [("us-gov-west-1", "console.amazonaws-us-gov.com"), ("cn-north-1", "console.amazonaws.cn")],
)
def test_govcloud_and_china_have_consoles_of_their_own(region: str, console: str) -> None:
    links = console_links(Settings(name="team-todo", region=region), None)
    regional = f"https://{region}.{console}"
    assert links["AWS::DynamoDB::Table"] == f"{regional}/dynamodbv2/home?region={region}#table?name=TeamTodo"
    assert links["AWS::Lambda::Function"] == f"{regional}/lambda/home?region={region}#/functions/team-todo-api"
    assert links["AWS::IAM::Role"] == f"https://{console}/iam/home#/roles/details/team-todo-api-role"


def test_an_api_that_does_not_exist_has_no_link() -> None:
    assert "AWS::ApiGatewayV2::Api" not in console_links(Settings(), None)


def test_log_group_names_are_escaped_twice_as_the_console_does() -> None:
    """Copied from a link in the console: `/`, `[`, `$`."""
    assert log_group_fragment("/aws/lambda/a[$LATEST]") == "$252Faws$252Flambda$252Fa$255B$2524LATEST$255D"
