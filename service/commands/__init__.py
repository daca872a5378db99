"""The command line, one module a group of commands: `add_parsers` declares, small functions call an action and print."""
