"""`vitrine ingest`: a manifest read, sent in batches, and waited for."""
