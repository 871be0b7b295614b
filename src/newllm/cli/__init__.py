"""The command line, one file a command. Importing it costs no torch."""
