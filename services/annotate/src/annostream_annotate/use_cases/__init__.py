"""Load, decide, save: one module a subject."""
