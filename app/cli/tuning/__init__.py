"""`vitrine tune`: the command, and what it shows."""
