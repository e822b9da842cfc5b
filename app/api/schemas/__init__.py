"""What the API takes, every field known and no other accepted, and what it answers."""
