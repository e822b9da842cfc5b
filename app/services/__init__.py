"""Use cases, one a file: functions over ports."""
