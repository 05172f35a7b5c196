"""Starts the local AWS with a program of the tests. Commands that are forked import this, too."""

import os

from items_api.local import starting

starting.SERVER = (os.environ["TESTS_LOCAL_AWS"],)
