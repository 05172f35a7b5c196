#!/bin/sh
# Creates the stack @name@ in @region@, one AWS call after another.
# Needs the AWS CLI, version 1 or 2, with credentials. Written by: items-api export shell
#
# The script creates and does not update: if a resource already exists, it stops with the error from AWS.
# down.sh deletes everything.
# It needs no permissions beyond those of: items-api export deployer-policy
set -eu
CDPATH='' cd -- "$(dirname -- "$0")"

# Settings.
REGION=@region@
PARTITION=@partition@
MEMORY=@memory@ # MB
TIMEOUT=@timeout@ # seconds
LOG_RETENTION=@log_retention@ # days
THROTTLE_RATE=@throttle_rate@ # requests per second
THROTTLE_BURST=@throttle_burst@ # requests
CORS_ORIGINS=@cors_origins@ # web pages on these origins may call the API
# The keys of the table and its indexes.
KEYS=@keys@
#@if indexes
INDEXES=@indexes@ # GET /items?ATTRIBUTE=VALUE queries them
#@end
#@if jwt
# shellcheck disable=SC2016 # it contains no variables
JWT_CONFIGURATION=@jwt_configuration@ # the issuer and the audiences of the tokens
unset READ_SCOPE WRITE_SCOPE
READ_SCOPE=@jwt_read_scope@ # a token needs it to read
WRITE_SCOPE=@jwt_write_scope@ # a token needs it to write
#@end

# Names.
TABLE=@table_name@
ROLE=@role_name@
POLICY=@policy_name@
LOG_GROUP=@log_group_name@
FUNCTION=@function_name@
API=@api_name@
DESCRIPTION=@description@ # of the function's version: what it was made from

# The tags of every resource, in the two notations that AWS uses: the members of a map, and a list.
# items-api recognizes the resources of its stack by the last three.
TAGS=@all_tags@
TAG_LIST=@tag_list@
# The table also has the settings, for items-api.
TABLE_TAG_LIST=@table_tag_list@

export AWS_REGION="$REGION" AWS_DEFAULT_REGION="$REGION" AWS_PAGER=''

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

echo 'DynamoDB table' >&2
aws dynamodb create-table \
  --table-name "$TABLE" \
  --attribute-definitions "$KEYS" \
#@if indexes
  --global-secondary-indexes "$INDEXES" \
#@end
  --key-schema AttributeName=itemId,KeyType=HASH \
  --billing-mode PAY_PER_REQUEST \
#@if protect
  --deletion-protection-enabled \
#@end
  --tags "$TABLE_TAG_LIST" > /dev/null

# Set only now: if the table already existed, the advice to delete it would be wrong.
trap '[ $? -eq 0 ] || echo "Not finished. ./down.sh deletes what was created." >&2' EXIT
# Some shells, such as dash, do not run the EXIT trap when a signal ends them.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The function runs with this role. Only Lambda may assume it.
echo 'IAM role' >&2
aws iam create-role \
  --role-name "$ROLE" \
  --assume-role-policy-document '{
    "Version": "2012-10-17",
    "Statement": [
      {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole"
      }
    ]
  }' \
  --permissions-boundary @permissions_boundary@ \
  --tags "$TAG_LIST" > /dev/null

# The function may call four actions on its table, query its indexes, and write to its log group.
TABLE_ARN="arn:$PARTITION:dynamodb:$REGION:$ACCOUNT:table/$TABLE"
ACCESS=$(cat <<END
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan"],
      "Resource": "$TABLE_ARN"
    },
#@if indexes
    {
      "Effect": "Allow",
      "Action": ["dynamodb:Query"],
      "Resource": @index_arns@
    },
#@end
    {
      "Effect": "Allow",
      "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
      "Resource": "arn:$PARTITION:logs:$REGION:$ACCOUNT:log-group:$LOG_GROUP:*"
    }
  ]
}
END
)
retry NoSuchEntity aws iam put-role-policy \
  --role-name "$ROLE" \
  --policy-name "$POLICY" \
  --policy-document "$ACCESS"

# Created before the function; otherwise Lambda would create a log group that keeps logs forever.
echo 'Log group' >&2
aws logs create-log-group --log-group-name "$LOG_GROUP" --tags "$TAGS"
aws logs put-retention-policy --log-group-name "$LOG_GROUP" --retention-in-days "$LOG_RETENTION"

# It takes a few seconds until Lambda can assume a new role.
# The code in function.zip names the table and its indexes (handler/__init__.py).
echo 'Lambda function' >&2
retry 'cannot be assumed by Lambda' aws lambda create-function \
  --function-name "$FUNCTION" \
  --runtime python3.13 \
  --architectures arm64 \
  --handler handler.index.handler \
  --zip-file fileb://function.zip \
  --role "arn:$PARTITION:iam::$ACCOUNT:role/$ROLE" \
  --memory-size "$MEMORY" \
  --timeout "$TIMEOUT" \
  --description "$DESCRIPTION" \
  --tags "$TAGS" \
  --publish

echo 'HTTP API' >&2
CORS=$(cat <<END
{
  "AllowOrigins": $CORS_ORIGINS,
  "AllowMethods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
#@if none
  "AllowHeaders": ["content-type", "if-match", "if-none-match"],
#@end
#@if iam
  "AllowHeaders": [
    "content-type", "if-match", "if-none-match",
    "authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"
  ],
#@end
#@if jwt
  "AllowHeaders": ["content-type", "if-match", "if-none-match", "authorization"],
#@end
  "ExposeHeaders": ["etag", "link", "location"]
}
END
)
API_ID=$(aws apigatewayv2 create-api \
  --name "$API" \
  --protocol-type HTTP \
  --cors-configuration "$CORS" \
  --tags "$TAGS" \
  --query ApiId --output text)

INTEGRATION_ID=$(aws apigatewayv2 create-integration \
  --api-id "$API_ID" \
  --integration-type AWS_PROXY \
  --integration-uri "arn:$PARTITION:lambda:$REGION:$ACCOUNT:function:$FUNCTION:live" \
  --payload-format-version 2.0 \
  --timeout-in-millis 30000 \
  --query IntegrationId --output text)

#@if jwt
# API Gateway accepts the tokens of this issuer for these audiences.
# shellcheck disable=SC2016 # API Gateway replaces $request
AUTHORIZER_ID=$(aws apigatewayv2 create-authorizer \
  --api-id "$API_ID" \
  --name jwt \
  --authorizer-type JWT \
  --identity-source '$request.header.Authorization' \
  --jwt-configuration "$JWT_CONFIGURATION" \
  --query AuthorizerId --output text)

#@end
# {id+} also matches IDs that contain a slash.
for ROUTE in 'POST /items' 'GET /items' 'GET /items/{id+}' 'PUT /items/{id+}' 'PATCH /items/{id+}' \
  'DELETE /items/{id+}'; do
#@if jwt
  case $ROUTE in GET*) SCOPE=${READ_SCOPE:-} ;; *) SCOPE=${WRITE_SCOPE:-} ;; esac
#@end
  aws apigatewayv2 create-route \
    --api-id "$API_ID" \
    --route-key "$ROUTE" \
#@if iam
    --authorization-type AWS_IAM \
#@end
#@if jwt
    --authorization-type JWT \
    --authorizer-id "$AUTHORIZER_ID" \
    ${SCOPE:+--authorization-scopes "[\"$SCOPE\"]"} \
#@end
    --target "integrations/$INTEGRATION_ID" > /dev/null
done

# shellcheck disable=SC2016 # the stage is really called $default
aws apigatewayv2 create-stage \
  --api-id "$API_ID" \
  --stage-name '$default' \
  --auto-deploy \
  --default-route-settings \
    "ThrottlingRateLimit=$THROTTLE_RATE,ThrottlingBurstLimit=$THROTTLE_BURST,DetailedMetricsEnabled=false" \
  --tags "$TAGS" > /dev/null

# The API calls the alias live, which names a version of the function: its code and configuration.
echo 'Waiting for the table and the function to become active' >&2
aws dynamodb wait table-exists --table-name "$TABLE"
#@if protect
# Any second of the last 35 days can be restored.
retry ContinuousBackupsUnavailable aws dynamodb update-continuous-backups \
  --table-name "$TABLE" \
  --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true,RecoveryPeriodInDays=35
#@end
aws lambda wait function-active-v2 --function-name "$FUNCTION"
echo 'Release' >&2
VERSION=$(aws lambda publish-version \
  --function-name "$FUNCTION" \
  --code-sha256 @code_hash@ \
  --description "$DESCRIPTION" \
  --query Version --output text)
aws lambda create-alias \
  --function-name "$FUNCTION" \
  --name live \
  --function-version "$VERSION" \
  --description 'previous version: none' > /dev/null

# Allows this API, and no other, to invoke the released version.
echo 'Invoke permission' >&2
aws lambda add-permission \
  --function-name "$FUNCTION" \
  --qualifier live \
  --statement-id apigw \
  --action lambda:InvokeFunction \
  --principal apigateway.amazonaws.com \
  --source-arn "arn:$PARTITION:execute-api:$REGION:$ACCOUNT:$API_ID/*" > /dev/null

echo 'Endpoint:' >&2
aws apigatewayv2 get-api --api-id "$API_ID" --query ApiEndpoint --output text
