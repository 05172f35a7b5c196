"""The AWS resources: one module per resource, and the stack that knows their order."""
