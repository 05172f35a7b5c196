"""Access to AWS: the only package that imports boto3 and botocore.

session.py    credentials, region and endpoint -> an `Account`
client.py     `Aws`: clients, retries, waits and pages
rehearsal.py  an `Aws` that sends no writes, for dry runs
errors.py     what AWS's errors mean; `tolerate` for those that are expected
signing.py    signatures for requests to an HTTP API
translate.py  botocore's exceptions -> the errors of errors.py
line.py       one call as an `aws` command line
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from items_api.aws import line as line
    from items_api.aws import rehearsal as rehearsal
    from items_api.aws import session as session
    from items_api.aws import signing as signing


def __getattr__(name: str) -> ModuleType:
    """Load a module on first use (PEP 562): boto3 takes 110 ms, which --help does not need."""
    if name in ("line", "rehearsal", "session", "signing"):
        return importlib.import_module(f"items_api.aws.{name}")
    raise AttributeError(name)
