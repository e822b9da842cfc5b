"""Fakes that behave, written against the ports; they face the same suites as the real adapters."""
