"""The commands, one file each.

`options.py` has the shared options, `sources.py` knows where their values come from, `opening.py` finds the stack, and
`boundary.py` turns the `Result` or error of a command into output and an exit code. `group.py` is for groups.
"""
