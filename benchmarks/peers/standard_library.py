"""No handler: what the standard library's own modules for the job cost to load."""

import hashlib  # noqa: F401
import hmac  # noqa: F401
import http.client  # noqa: F401
import json  # noqa: F401
import ssl  # noqa: F401
