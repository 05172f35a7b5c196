"""Not a handler: the import cost of the standard library modules that one would use."""

import hashlib  # noqa: F401
import hmac  # noqa: F401
import http.client  # noqa: F401
import json  # noqa: F401
import ssl  # noqa: F401
