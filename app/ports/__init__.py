"""Protocols, one per outside thing. An adapter stands behind each; a fake stands behind each in tests."""
