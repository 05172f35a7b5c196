"""Tests a deployed API over HTTP. It works for any deployment that implements the contract.

`curl` sends a request or writes it as a curl command, `api` is the API under test, `contract`, `cors` and `refusals`
have the checks, and `run` waits until the API is ready, runs the checks and deletes the items that they created.
"""
