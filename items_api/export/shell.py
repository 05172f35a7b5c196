"""The stack as two POSIX shell scripts for the AWS CLI, and the function's zip beside them.

What only AWS knows (the account, the role's id, the API's id) are variables of the script. The scripts are for reading
and for a machine without Python; they create and delete, and do not converge as `up` does.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from items_api.aws.line import ZIP, cli_parts
from items_api.export.blueprint import Call, Ids, calls
from items_api.handler import ROUTES
from items_api.provision.bundle import bundle
from items_api.provision.policies import table_access_policy, trust_policy
from items_api.settings import Arns

if TYPE_CHECKING:
    from items_api.settings import Settings

IDS = Ids(account="${ACCOUNT}", role="${ROLE_ID}", api="${API_ID}", integration="${INTEGRATION_ID}")
_VARIABLE = re.compile(r"(\$\{[A-Z_]+\})")
_WIDTH = 110


def files(settings: Settings) -> dict[str, bytes]:
    return {"up.sh": up(settings).encode(), "down.sh": down(settings).encode(), ZIP: bundle()}


def up(settings: Settings) -> str:
    made = calls(settings, IDS)
    arns = Arns(settings, IDS.account)
    role = Call("iam", "create_role", {**made["role"].parameters, "AssumeRolePolicyDocument": "${TRUST_POLICY}"})
    policy = Call("iam", "put_role_policy", {**made["policy"].parameters, "PolicyDocument": "${ACCESS_POLICY}"})
    return _UP.format(
        head=_head(settings, "Creates"),
        table=_command(made["table"]),
        table_name=settings.table_name,
        trust_policy=_document(trust_policy()),
        access_policy=_document(table_access_policy(arns)),
        role=_command(role, "--query Role.RoleId --output text"),
        policy=_command(policy),
        log_group=_command(made["log group"]),
        retention=_command(made["retention"]),
        function=_command(made["function"]),
        function_name=settings.function_name,
        api=_command(made["api"], "--query ApiId --output text"),
        integration=_command(made["integration"], "--query IntegrationId --output text"),
        routes="\n".join(f"{_command(made[key])} > /dev/null" for key in ROUTES),
        stage=_command(made["stage"]),
        permission=_command(made["permission"]),
    )


def down(settings: Settings) -> str:
    arns = Arns(settings, IDS.account)
    return _DOWN.format(
        head=_head(settings, "Removes"),
        region=settings.region,
        stack=settings.name,
        function_name=settings.function_name,
        function_arn=_quote(arns.function),
        log_group_name=settings.log_group_name,
        log_group_arn=_quote(arns.log_group),
        role_name=settings.role_name,
        table_name=settings.table_name,
        table_arn=_quote(arns.table),
    )


def _head(settings: Settings, verb: str) -> str:
    return _HEAD.format(verb=verb, name=settings.name, region=settings.region)


def _command(call: Call, *more: str) -> str:
    """The call on one line or, where that gets long, an option a line."""
    parts = [*cli_parts(call.service, call.operation, call.parameters, quote=_quote), *more]
    line = " ".join(parts)
    return line if len(line) <= _WIDTH else " \\\n  ".join(parts)


def _quote(text: str) -> str:
    """For the shell, as `shlex.quote`, but the script's own variables stay what they are."""
    if not _VARIABLE.search(text):
        return shlex.quote(text)
    escaped = "".join(
        part if _VARIABLE.fullmatch(part) else re.sub(r'([\\"$`])', r"\\\1", part) for part in _VARIABLE.split(text)
    )
    return f'"{escaped}"'


def _document(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2)


_HEAD = """\
#!/bin/sh
# {verb} the stack {name} in {region}, call by call. Needs the AWS CLI, version 1 or 2, and its credentials.
# Written by: items-api export shell
set -eu
CDPATH='' cd -- "$(dirname -- "$0")"
export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER=''

# retry TEXT COMMAND...: runs the command until it succeeds, for up to two minutes as long as it fails with that text.
retry() {{
  text=$1
  shift
  tries=0
  until failure=$("$@" 2>&1 > /dev/null); do
    tries=$((tries + 1))
    case $failure in
      *"$text"*) [ "$tries" -lt 60 ] && sleep 2 && continue ;;
    esac
    printf '%s\\n' "$failure" >&2
    exit 1
  done
}}

ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
echo "Account $ACCOUNT, region $AWS_REGION" >&2
"""

_UP = """\
{head}
echo 'DynamoDB table' >&2
{table} > /dev/null
# Only from here on: a table that was there before is not to be removed for it.
trap '[ $? -eq 0 ] || echo "Not finished: ./down.sh removes what was made." >&2' EXIT

echo 'IAM role' >&2
TRUST_POLICY=$(cat <<END
{trust_policy}
END
)
ACCESS_POLICY=$(cat <<END
{access_policy}
END
)
ROLE_ID=$({role})
retry NoSuchEntity {policy}

# Before the function, so that Lambda never makes one that keeps logs for ever.
echo 'Log group' >&2
{log_group}
{retention}

# It takes some seconds until Lambda may assume a new role.
echo 'Lambda function' >&2
retry 'cannot be assumed by Lambda' {function}

echo 'HTTP API' >&2
API_ID=$({api})
INTEGRATION_ID=$({integration})
{routes}
{stage} > /dev/null

echo 'Invoke permission' >&2
{permission} > /dev/null

echo 'Waiting until table and function are ready' >&2
aws dynamodb wait table-exists --table-name {table_name}
aws lambda wait function-active-v2 --function-name {function_name}

echo 'Endpoint:' >&2
aws apigatewayv2 get-api --api-id "$API_ID" --query ApiEndpoint --output text
"""

_DOWN = """\
{head}
# ours NAME COMMAND...: whether it is there, and the stack's own by its tag, which the command reads.
ours() {{
  name=$1
  shift
  if ! owner=$("$@" --output text 2>&1); then
    case $owner in
      *NotFound* | *NoSuchEntity*) return 1 ;;
    esac
    printf '%s\\n' "$owner" >&2
    exit 1
  fi
  [ "$owner" = {region} ] && echo "$name" >&2 && return
  echo "$name: left alone, it does not carry this stack's tags" >&2
  return 1
}}

# First, so that no request meets a missing function. Names of APIs are not unique: the tags tell which it is.
API_IDS=$(aws apigatewayv2 get-apis --output text \\
  --query "Items[?Tags.\\"managed-by\\"=='items-api' && Tags.\\"items-api:stack\\"=='{stack}'].ApiId")
for API_ID in $API_IDS; do
  echo "HTTP API $API_ID" >&2
  aws apigatewayv2 delete-api --api-id "$API_ID"
done

if ours 'Lambda function' aws lambda list-tags \\
  --resource {function_arn} --query 'Tags."items-api:region"'; then
  aws lambda delete-function --function-name {function_name} > /dev/null
fi

# After the function, which would go on writing to it.
if ours 'Log group' aws logs list-tags-for-resource \\
  --resource-arn {log_group_arn} --query 'tags."items-api:region"'; then
  aws logs delete-log-group --log-group-name {log_group_name}
fi

if ours 'IAM role' aws iam list-role-tags \\
  --role-name {role_name} --query "Tags[?Key=='items-api:region'].Value"; then
  POLICIES=$(aws iam list-role-policies --role-name {role_name} --query PolicyNames --output text)
  for POLICY in $POLICIES; do
    aws iam delete-role-policy --role-name {role_name} --policy-name "$POLICY"
  done
  retry DeleteConflict aws iam delete-role --role-name {role_name}
fi

if ours 'DynamoDB table' aws dynamodb list-tags-of-resource \\
  --resource-arn {table_arn} --query "Tags[?Key=='items-api:region'].Value"; then
  aws dynamodb delete-table --table-name {table_name} > /dev/null
  aws dynamodb wait table-not-exists --table-name {table_name}
fi

echo 'Nothing of the stack {stack} is left.' >&2
"""
