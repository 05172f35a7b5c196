"""`make live`: the whole life of a stack on a real AWS account. docs/live.md explains it.

| file | content |
|---|---|
| __main__.py | the command: checks the account, announces the run, always cleans up |
| scenario.py | the steps, in order |
| probes.py | HTTP requests that are only recorded |
| processes.py, cli.py | `items-api` as a process whose calls are recorded |
| recorder.py, redaction.py | one line for each call, without secrets and account IDs |
| existing.py | reads every service directly: what a run left behind, and what older runs left |
| report.py | cost, and the row in docs/live.md |
"""
