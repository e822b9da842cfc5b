"""What the API takes: every field known, no other accepted."""
