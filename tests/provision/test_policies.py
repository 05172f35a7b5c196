"""The IAM policy documents, word for word."""

from items_api.provision.policies import table_access_policy, trust_policy
from items_api.settings import Arns, Settings


def test_only_lambda_may_assume_the_role() -> None:
    lambda_ = {"Service": "lambda.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": lambda_, "Action": "sts:AssumeRole"}
    assert trust_policy() == {"Version": "2012-10-17", "Statement": [statement]}


def test_the_handler_may_use_its_table_and_write_to_its_log_group_but_not_create_one() -> None:
    assert table_access_policy(Arns(Settings(region="eu-west-1"), "123456789012")) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan"],
                "Resource": "arn:aws:dynamodb:eu-west-1:123456789012:table/Items",
            },
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/items-api:*",
            },
        ],
    }
