"""The stack as code: AWS CLI scripts, AWS SAM, Terraform, the IAM policy of the deployer, OpenAPI."""
