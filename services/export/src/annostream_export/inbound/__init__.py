"""Wire in, use case, wire out."""
