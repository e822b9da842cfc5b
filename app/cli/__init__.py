"""The command line, one file or folder a command group: every command but those that train talks HTTP."""
