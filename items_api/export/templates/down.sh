#!/bin/sh
# Deletes the stack @name@ in @region@, with the items in its table, whether up.sh or items-api created it.
# Needs the AWS CLI, version 1 or 2, with credentials. Written by: items-api export shell
#
# Only resources with the tags of this stack are deleted. The script can be run again.
# It needs no permissions beyond those of: items-api export deployer-policy
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

# delete TEXT COMMAND...
# Repeats the command for up to two minutes while it fails with an error that contains the text.
# It is not an error if the resource is already gone: another down.sh may be running.
delete() {
  text=$1
  shift
  tries=0
  until failure=$("$@" 2>&1 > /dev/null); do
    tries=$((tries + 1))
    case $failure in
      *NotFound* | *NoSuchEntity*) return 0 ;;
      *"$text"*) [ "$tries" -lt 60 ] && sleep 2 && continue ;;
    esac
    printf '%s\n' "$failure" >&2
    exit 1
  done
}

ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
echo "Account $ACCOUNT, region $REGION" >&2

#@if protect
# The table would be left, so nothing is deleted. To turn off its protection:
#   aws dynamodb update-table --table-name "$TABLE" --no-deletion-protection-enabled
if [ "$(aws dynamodb describe-table --table-name "$TABLE" --query Table.DeletionProtectionEnabled --output text)" = True ]; then
  echo "The table $TABLE is protected against deletion. Nothing was deleted." >&2
  exit 1
fi

#@end
# Delete the API first, so that no request reaches a missing function. API names are not unique; the tags identify it.
API_IDS=$(aws apigatewayv2 get-apis --query "Items[?(Tags | $IN_MAP)].ApiId" --output text)
for API_ID in $API_IDS; do
  echo "HTTP API $API_ID" >&2
  delete TooManyRequests aws apigatewayv2 delete-api --api-id "$API_ID"
done

if ours 'Lambda function' aws lambda list-tags \
  --resource "arn:$PARTITION:lambda:$REGION:$ACCOUNT:function:$FUNCTION" \
  --query "Tags | $IN_MAP"; then
  delete ResourceConflict aws lambda delete-function --function-name "$FUNCTION"
fi

# Deleted after the function, which would still write to it.
if ours 'Log group' aws logs list-tags-for-resource \
  --resource-arn "arn:$PARTITION:logs:$REGION:$ACCOUNT:log-group:$LOG_GROUP" \
  --query "tags | $IN_MAP"; then
  delete OperationAborted aws logs delete-log-group --log-group-name "$LOG_GROUP"
fi

# A role can be deleted only when it has no policies.
if ours 'IAM role' aws iam get-role --role-name "$ROLE" --query "Role.Tags | $IN_LIST"; then
  POLICIES=$(aws iam list-role-policies --role-name "$ROLE" --query PolicyNames --output text)
  for POLICY in $POLICIES; do
    delete ConcurrentModification aws iam delete-role-policy --role-name "$ROLE" --policy-name "$POLICY"
  done
  delete DeleteConflict aws iam delete-role --role-name "$ROLE"
fi

# If the table does not exist, only describe-table says so: a request for its tags is denied.
# A table that is already being deleted may have lost its tags. It counts as ours, because it only remains to wait.
table_tags() {
  status=$(aws dynamodb describe-table --table-name "$TABLE" --query Table.TableStatus --output text) || return
  if [ "$status" = DELETING ]; then
    echo true
  else
    aws dynamodb list-tags-of-resource \
      --resource-arn "arn:$PARTITION:dynamodb:$REGION:$ACCOUNT:table/$TABLE" "$@"
  fi
}
if ours 'DynamoDB table' table_tags --query "Tags | $IN_LIST"; then
  delete ResourceInUse aws dynamodb delete-table --table-name "$TABLE"
  echo 'Waiting for the table to be deleted' >&2
  aws dynamodb wait table-not-exists --table-name "$TABLE"
fi

echo "Nothing of the stack $STACK remains." >&2
