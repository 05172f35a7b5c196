# The stack @name@ in @region@. Written by: items-api export terraform
#
# Every resource has the name under which items-api creates it. To manage an existing stack, run imports.sh first.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region = "@region@"
}

locals {
  # Web pages on these origins may call the API.
  cors_origins = @cors_origins@

#@if jwt
  # A token needs one of these scopes to read, or to write.
  read_scopes = @read_scopes@

  write_scopes = @write_scopes@

#@end
  # items-api recognizes the resources of its stack by the last three tags.
  tags = @all_tags@
}

resource "aws_dynamodb_table" "items" {
  name         = "@table_name@"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "itemId"
#@if protect

  deletion_protection_enabled = true
#@end

  # The table also has the settings, for items-api.
  tags = @table_tags@

  attribute {
    name = "itemId"
    type = "S"
  }
#@each index

  attribute {
    name = "@attribute@"
    type = "S"
  }

  # For GET /items?@attribute@=VALUE.
  global_secondary_index {
    name            = "@index@"
    hash_key        = "@attribute@"
    projection_type = "ALL"
  }
#@next
#@if protect

  # Any second of the last 35 days can be restored.
  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = 35
  }
#@end
}

# The function runs with this role. Only Lambda may assume it.
resource "aws_iam_role" "items" {
  name = "@role_name@"
  tags = local.tags

  permissions_boundary = "@permissions_boundary@"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "lambda.amazonaws.com" }
        Action    = "sts:AssumeRole"
      },
    ]
  })
}

# The function may call four actions on its table, query its indexes, and write to its log group.
resource "aws_iam_role_policy" "items" {
  name = "@policy_name@"
  role = aws_iam_role.items.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Scan"]
        Resource = aws_dynamodb_table.items.arn
      },
#@if indexes
      {
        Effect = "Allow"
        Action = ["dynamodb:Query"]
        Resource = [
#@each index
          "${aws_dynamodb_table.items.arn}/index/@index@",
#@next
        ]
      },
#@end
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.items.arn}:*"
      },
    ]
  })
}

resource "aws_cloudwatch_log_group" "items" {
  name              = "@log_group_name@"
  retention_in_days = @log_retention@
  tags              = local.tags
}

resource "aws_lambda_function" "items" {
  function_name    = "@function_name@"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  handler          = "handler.index.handler"
  filename         = "${path.module}/function.zip"
  source_code_hash = filebase64sha256("${path.module}/function.zip")
  role             = aws_iam_role.items.arn
  memory_size      = @memory@
  timeout          = @timeout@
  description      = "@description@"
  publish          = true

  # The code names the table and its indexes in handler/__init__.py.
  tags = local.tags

  # Without this, Lambda would create a log group that keeps logs forever.
  depends_on = [aws_cloudwatch_log_group.items]
}

# The API calls this alias of the function. It moves when Terraform publishes another version.
resource "aws_lambda_alias" "items" {
  function_name    = aws_lambda_function.items.function_name
  name             = "live"
  function_version = aws_lambda_function.items.version

  # The name of the version before this one, for items-api rollback; Terraform does not know it.
  description = "previous version: none"
}

resource "aws_apigatewayv2_api" "items" {
  name          = "@api_name@"
  protocol_type = "HTTP"
  tags          = local.tags

  cors_configuration {
    allow_origins  = local.cors_origins
    allow_methods  = ["GET", "POST", "PUT", "PATCH", "DELETE"]
#@if none
    allow_headers  = ["content-type", "if-match", "if-none-match"]
#@end
#@if iam
    allow_headers  = ["content-type", "if-match", "if-none-match", "authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]
#@end
#@if jwt
    allow_headers  = ["content-type", "if-match", "if-none-match", "authorization"]
#@end
    expose_headers = ["etag", "link", "location"]
  }
}

resource "aws_apigatewayv2_integration" "items" {
  api_id                 = aws_apigatewayv2_api.items.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.items.arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

#@if jwt
# API Gateway accepts the tokens of this issuer for these audiences.
resource "aws_apigatewayv2_authorizer" "items" {
  api_id           = aws_apigatewayv2_api.items.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer = "@jwt_issuer@"

    audience = @jwt_audiences@
  }
}

#@end
# {id+} also matches IDs that contain a slash.
resource "aws_apigatewayv2_route" "items" {
  for_each = toset([
    "POST /items",
    "GET /items",
    "GET /items/{id+}",
    "PUT /items/{id+}",
    "PATCH /items/{id+}",
    "DELETE /items/{id+}",
  ])

  api_id    = aws_apigatewayv2_api.items.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.items.id}"
#@if iam

  authorization_type = "AWS_IAM"
#@end
#@if jwt

  authorization_type   = "JWT"
  authorizer_id        = aws_apigatewayv2_authorizer.items.id
  authorization_scopes = startswith(each.key, "GET ") ? local.read_scopes : local.write_scopes
#@end
}

resource "aws_apigatewayv2_stage" "items" {
  api_id      = aws_apigatewayv2_api.items.id
  name        = "$default"
  auto_deploy = true
  tags        = local.tags

  default_route_settings {
    throttling_rate_limit    = @throttle_rate@
    throttling_burst_limit   = @throttle_burst@
    detailed_metrics_enabled = false
  }
}

# Allows this API, and no other, to invoke the released version.
resource "aws_lambda_permission" "items" {
  function_name = aws_lambda_function.items.function_name
  qualifier     = aws_lambda_alias.items.name
  statement_id  = "apigw"
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.items.execution_arn}/*"
}

output "endpoint" {
  value = aws_apigatewayv2_api.items.api_endpoint
}
