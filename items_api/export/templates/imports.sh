#!/bin/sh
# Prints Terraform import blocks for the stack @name@ in @region@, which must exist.
# Needs the AWS CLI, version 1 or 2, with credentials. Written by: items-api export terraform
#
# It needs no permissions beyond those of: items-api export deployer-policy --read-only
#
#   ./imports.sh > imports.tf
#   terraform init
#   terraform plan
set -eu

STACK=@name@
REGION=@region@
TABLE=@table_name@
ROLE=@role_name@
POLICY=@policy_name@
LOG_GROUP=@log_group_name@
FUNCTION=@function_name@

export AWS_REGION="$REGION" AWS_DEFAULT_REGION="$REGION" AWS_PAGER=''

# block ADDRESS ID
block() {
  printf 'import {\n  to = %s\n  id = "%s"\n}\n\n' "$1" "$2"
}

# Only AWS knows the IDs of the API and its parts. Names of APIs are not unique; the tags identify it.
IN_MAP="\"managed-by\" == 'items-api'
  && \"items-api:stack\" == '$STACK'
  && \"items-api:region\" == '$REGION'"
API_ID=$(aws apigatewayv2 get-apis --query "Items[?(Tags | $IN_MAP)].ApiId" --output text)
if [ -z "$API_ID" ]; then
  echo "The stack $STACK has no HTTP API in $REGION." >&2
  exit 1
fi
case $API_ID in
  *[[:space:]]*)
    echo "The stack $STACK has more than one HTTP API in $REGION: $API_ID" >&2
    echo "Run items-api up, which keeps the oldest, or delete the others, and run this script again." >&2
    exit 1
    ;;
esac
INTEGRATION_ID=$(aws apigatewayv2 get-integrations --api-id "$API_ID" --query 'Items[].IntegrationId' --output text)
#@if jwt
AUTHORIZER_ID=$(aws apigatewayv2 get-authorizers --api-id "$API_ID" --query 'Items[].AuthorizerId' --output text)
#@end
ROUTES=$(aws apigatewayv2 get-routes --api-id "$API_ID" --query 'Items[].[RouteId, RouteKey]' --output text)

block aws_dynamodb_table.items "$TABLE"
block aws_iam_role.items "$ROLE"
block aws_iam_role_policy.items "$ROLE:$POLICY"
block aws_cloudwatch_log_group.items "$LOG_GROUP"
block aws_lambda_function.items "$FUNCTION"
block aws_lambda_alias.items "$FUNCTION/live"
block aws_lambda_permission.items "$FUNCTION:live/apigw"
block aws_apigatewayv2_api.items "$API_ID"
block aws_apigatewayv2_integration.items "$API_ID/$INTEGRATION_ID"
#@if jwt
block aws_apigatewayv2_authorizer.items "$API_ID/$AUTHORIZER_ID"
#@end
block aws_apigatewayv2_stage.items "$API_ID/\$default"
echo "$ROUTES" | while read -r ROUTE_ID ROUTE_KEY; do
  block "aws_apigatewayv2_route.items[\"$ROUTE_KEY\"]" "$API_ID/$ROUTE_ID"
done
