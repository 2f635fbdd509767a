"""A snapshot in the forms that trainers read."""
