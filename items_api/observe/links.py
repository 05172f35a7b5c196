"""The pages of the AWS console for each resource. Pure.

The URLs are not documented; they are the ones that the console itself links to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from items_api.settings import Settings

# Partition -> the console's host: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


def console_links(settings: Settings, api_id: str | None) -> dict[str, str]:
    """CloudFormation type name -> URL, for every resource with a page of its own; the API only if its id is known."""
    region = settings.region
    console = CONSOLES[settings.partition]
    regional = f"https://{region}.{console}"
    links = {
        "AWS::DynamoDB::Table": f"{regional}/dynamodbv2/home?region={region}#table?name={_quoted(settings.table_name)}",
        # IAM is global within a partition.
        "AWS::IAM::Role": f"https://{console}/iam/home#/roles/details/{_quoted(settings.role_name)}",
        "AWS::Logs::LogGroup": f"{regional}/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{log_group_fragment(settings.log_group_name)}",
        "AWS::Lambda::Function": f"{regional}/lambda/home?region={region}#/functions/{_quoted(settings.function_name)}",
    }
    if api_id:
        links["AWS::ApiGatewayV2::Api"] = f"{regional}/apigateway/main/api-detail?api={_quoted(api_id)}&region={region}"
    return links


def log_group_fragment(name: str) -> str:
    """As CloudWatch writes names after the `#`: escaped twice, with `$` for `%`. A slash becomes `$252F`."""
    return _quoted(_quoted(name)).replace("%", "$")


def _quoted(text: str) -> str:
    return quote(text, safe="")
