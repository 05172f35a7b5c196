"""The commands, one file each.

`options.py` has the options they share, `opening.py` finds the stack they work on, and `boundary.py` turns the
`Result` or error that they end with into output and an exit code.
"""
