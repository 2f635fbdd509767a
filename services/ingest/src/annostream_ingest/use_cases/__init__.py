"""What ingest does: load, decide, save."""
