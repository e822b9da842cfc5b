"""The outlines of what the sample shop sells, one module per family of kinds."""
