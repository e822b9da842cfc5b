"""`vitrine train` and `vitrine eval`: in this process, over a manifest, without a service."""
