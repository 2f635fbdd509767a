"""The `annostream` command."""
