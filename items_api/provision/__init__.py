"""The AWS resources: one module per resource, and the stack that defines their order."""
