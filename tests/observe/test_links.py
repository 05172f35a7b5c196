"""The exact links to the AWS console, in each partition."""

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


def test_govcloud_has_its_own_console() -> None:
    links = console_links(Settings(name="team-todo", region="us-gov-west-1"), None)
    assert links["AWS::DynamoDB::Table"] == (
        "https://us-gov-west-1.console.amazonaws-us-gov.com/dynamodbv2/home?region=us-gov-west-1#table?name=TeamTodo"
    )
    assert links["AWS::IAM::Role"] == (
        "https://console.amazonaws-us-gov.com/iam/home#/roles/details/team-todo-api-role"
    )


def test_china_has_its_own_console() -> None:
    links = console_links(Settings(name="team-todo", region="cn-north-1"), None)
    assert links["AWS::Lambda::Function"] == (
        "https://cn-north-1.console.amazonaws.cn/lambda/home?region=cn-north-1#/functions/team-todo-api"
    )
    assert links["AWS::IAM::Role"] == "https://console.amazonaws.cn/iam/home#/roles/details/team-todo-api-role"


def test_an_api_that_does_not_exist_has_no_link() -> None:
    assert "AWS::ApiGatewayV2::Api" not in console_links(Settings(), None)


def test_log_group_names_are_escaped_twice_as_the_console_does() -> None:
    """Copied from a link in the console: `/`, `[`, `$`."""
    assert log_group_fragment("/aws/lambda/a[$LATEST]") == "$252Faws$252Flambda$252Fa$255B$2524LATEST$255D"
