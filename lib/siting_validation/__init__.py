"""Published measurements against the kit: each row predicted, errors, and the page of them.

Constants that are fitted to measurements are fitted here, too; each module that fits or compares is
a command. It may import all of `siting` but its command line, and `siting_facts`.
"""
