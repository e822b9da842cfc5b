"""`vitrine builds`: its commands, and what they show."""
