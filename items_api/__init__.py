"""A serverless CRUD API on AWS, step by step: up, status, smoke, down."""

__version__ = "0.1.0"
