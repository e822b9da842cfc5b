"""The sample catalogue: products that are drawn, worded and priced by a program, so that it needs no downloads."""
