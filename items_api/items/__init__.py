"""Moves items between a table and a file.

lines.py     the lines of a file: header, items, trailer
writing.py   items as lines
table.py     the table: parallel reads, and writes that drop nothing
dump.py      table -> file
load.py      file -> table
files.py     opens the files of both
output.py    a file that grows in steps, so that an interrupted dump continues
source.py    a file that is read from many places at once, compressed or not
pipes.py     the lines of a pipe
rejected.py  the lines that could not be loaded
journal.py   what an interrupted dump or load has completed
rate.py      limits the use of a live table
"""

from items_api.items.dump import Dump
from items_api.items.lines import Format
from items_api.items.load import Load, Loaded, PartReader
from items_api.items.table import ItemTable

__all__ = ["Dump", "Format", "ItemTable", "Load", "Loaded", "PartReader"]
