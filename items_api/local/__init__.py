"""The local AWS: one background server per home folder, on 127.0.0.1.

    ensure_running()   find the server or start it; for `up`
    resume()           find the server or restart it with its state; for all other commands
    find()             find the server
    is_empty()         whether it has no resources
    stop()             save the state and stop the server

A lock allows only one command at a time to start or stop the server. `control` is the side of the commands, `server` is
the process that they start, and `paths` are the files that they share. `serving` runs ministack behind a `guard`.
"""

from items_api.local.control import LocalAws, ensure_running, find, home, is_empty, resume, stop
from items_api.local.paths import ACCOUNT

__all__ = ["ACCOUNT", "LocalAws", "ensure_running", "find", "home", "is_empty", "resume", "stop"]
