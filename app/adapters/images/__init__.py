"""Pictures: checking what people send, and fetching what stands behind a URL."""
