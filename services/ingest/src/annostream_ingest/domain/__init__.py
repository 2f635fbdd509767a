"""Decisions about assets: pure, no I/O, no clock."""
