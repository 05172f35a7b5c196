#!/bin/sh
# Deletes the stack @name@ in @region@, with the items in its table, whether up.sh or items-api created it.
# Needs the AWS CLI, version 1 or 2, with credentials. Written by: items-api export shell
#
# Only resources with the tags of this stack are deleted. The script can be run again.
set -eu

STACK=@name@
REGION=@region@
PARTITION=@partition@
TABLE=@table_name@
ROLE=@role_name@
LOG_GROUP=@log_group_name@
FUNCTION=@function_name@

export AWS_REGION="$REGION" AWS_DEFAULT_REGION="$REGION" AWS_PAGER=''

# Whether tags are those of this stack, in JMESPath, the query language of the AWS CLI.
# Some services return tags as a map, others as a list.
IN_MAP="\"managed-by\" == 'items-api'
  && \"items-api:stack\" == '$STACK'
  && \"items-api:region\" == '$REGION'"
IN_LIST="[?Key == 'managed-by' && Value == 'items-api']
  && [?Key == 'items-api:stack' && Value == '$STACK']
  && [?Key == 'items-api:region' && Value == '$REGION']
  && \`true\`"

# ours TITLE COMMAND...
# Succeeds if the resource exists and belongs to this stack: if the command prints "true".
ours() {
  title=$1
  shift
  if ! answer=$("$@" --output json 2>&1); then
    case $answer in
      *NotFound* | *NoSuchEntity*) return 1 ;;
    esac
    printf '%s\n' "$answer" >&2
    exit 1
  fi
  if [ "$answer" != true ]; then
    echo "$title: not deleted, because it does not have this stack's tags" >&2
    return 1
  fi
  echo "$title" >&2
}

# retry TEXT COMMAND...
# Repeats the command for up to two minutes while it fails with an error that contains the text.
retry() {
  text=$1
  shift
  tries=0
  until failure=$("$@" 2>&1 > /dev/null); do
    tries=$((tries + 1))
    case $failure in
      *"$text"*) [ "$tries" -lt 60 ] && sleep 2 && continue ;;
    esac
    printf '%s\n' "$failure" >&2
    exit 1
  done
}

ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
echo "Account $ACCOUNT, region $REGION" >&2

# Delete the API first, so that no request reaches a missing function. API names are not unique; the tags identify it.
API_IDS=$(aws apigatewayv2 get-apis --query "Items[?(Tags | $IN_MAP)].ApiId" --output text)
for API_ID in $API_IDS; do
  echo "HTTP API $API_ID" >&2
  aws apigatewayv2 delete-api --api-id "$API_ID"
done

if ours 'Lambda function' aws lambda list-tags \
  --resource "arn:$PARTITION:lambda:$REGION:$ACCOUNT:function:$FUNCTION" \
  --query "Tags | $IN_MAP"; then
  aws lambda delete-function --function-name "$FUNCTION" > /dev/null
fi

# Deleted after the function, which would still write to it.
if ours 'Log group' aws logs list-tags-for-resource \
  --resource-arn "arn:$PARTITION:logs:$REGION:$ACCOUNT:log-group:$LOG_GROUP" \
  --query "tags | $IN_MAP"; then
  aws logs delete-log-group --log-group-name "$LOG_GROUP"
fi

# A role can be deleted only when it has no policies.
if ours 'IAM role' aws iam list-role-tags --role-name "$ROLE" --query "Tags | $IN_LIST"; then
  POLICIES=$(aws iam list-role-policies --role-name "$ROLE" --query PolicyNames --output text)
  for POLICY in $POLICIES; do
    aws iam delete-role-policy --role-name "$ROLE" --policy-name "$POLICY"
  done
  retry DeleteConflict aws iam delete-role --role-name "$ROLE"
fi

# If the table does not exist, only describe-table says so: a request for its tags is denied.
table_tags() {
  aws dynamodb describe-table --table-name "$TABLE" > /dev/null &&
    aws dynamodb list-tags-of-resource \
      --resource-arn "arn:$PARTITION:dynamodb:$REGION:$ACCOUNT:table/$TABLE" "$@"
}
if ours 'DynamoDB table' table_tags --query "Tags | $IN_LIST"; then
  aws dynamodb delete-table --table-name "$TABLE" > /dev/null
  echo 'Waiting for the table to be deleted' >&2
  aws dynamodb wait table-not-exists --table-name "$TABLE"
fi

echo "Nothing of the stack $STACK remains." >&2
