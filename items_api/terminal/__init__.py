"""Prints the results of commands: text for people, and one JSON document for programs. Makes no AWS calls.

screen.py    where output goes: stdout, stderr, a terminal or a pipe
live.py      running steps as a live table
result.py    what a command returns, as text and as the JSON document
text.py      problems, resources, drift and checks as lines
status.py    the details of `status` as lines
logs.py      log events as lines
"""
