"""What stands on AWS: one module a resource, and the order of them in `stack`."""
