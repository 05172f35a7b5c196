"""Deploys a serverless CRUD API to AWS: up, status, smoke, down."""

__version__ = "0.1.0"
