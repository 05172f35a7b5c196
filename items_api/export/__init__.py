"""The same stack in other words: AWS CLI scripts, SAM, Terraform, the rights that it takes, OpenAPI."""
