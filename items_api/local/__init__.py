"""The local AWS: one background server per home folder, on 127.0.0.1.

    ensure_running()   find the server or start it; for `up`
    resume()           find the server or restart it with its state; for all other commands
    find()             find the server
    status()           what the server reports about itself
    stop()             save the state and stop the server
    reset()            delete everything

Commands: `control`, with `process` and `starting`. Server: `server`, which runs ministack in `serving`, with `guard` in
front of AWS, `endpoints` and `gate` in front of the HTTP APIs, `corrections`, and `saving`. Both sides use `paths`.
"""

from items_api.local.control import ensure_running, find, has_data, home, paths_in, reset, resume, status, stop
from items_api.local.paths import ACCOUNT, Status
from items_api.local.process import LocalAws
from items_api.local.starting import crash_note, last_save, require_ministack

__all__ = [
    "ACCOUNT",
    "LocalAws",
    "Status",
    "crash_note",
    "ensure_running",
    "find",
    "has_data",
    "home",
    "last_save",
    "paths_in",
    "require_ministack",
    "reset",
    "resume",
    "status",
    "stop",
]
