"""Where the blocks of a night are executed."""
