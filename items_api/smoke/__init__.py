"""Proves a deployed API over HTTP, with nothing but HTTP: any deployment of the contract will do.

`curl` sends a request or writes it as a curl line, `api` is the API under test, `contract` what it promises claim by
claim, and `run` waits for it, checks the claims and removes what they wrote.
"""

from items_api.smoke.run import Check, smoke

__all__ = ["Check", "smoke"]
