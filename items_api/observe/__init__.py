"""Reads the state of a running stack: its log, metrics and size, and links to the AWS console."""
