"""Routes, one file an area. Plain `def`: FastAPI runs them in its thread pool."""
