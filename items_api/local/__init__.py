"""The local AWS: one server per home folder, in the background, on 127.0.0.1.

    ensure_running()   `up`: finds it or starts it
    resume()           every other command: finds it, starts it again if it has run before, else None
    find()             looks and never starts
    is_empty()         whether anything is left on it
    stop()             a clean stop, which saves the state

Two commands at the same moment are put in a row by a lock, so there is one server, and nobody sees it half started.

`control` is the commands' side and `server` the process that they start; they meet in a `place`, a folder. The server
is ministack behind a `guard`.
"""

from items_api.local.control import LocalAws, ensure_running, find, home, is_empty, resume, stop
from items_api.local.place import ACCOUNT

__all__ = ["ACCOUNT", "LocalAws", "ensure_running", "find", "home", "is_empty", "resume", "stop"]
