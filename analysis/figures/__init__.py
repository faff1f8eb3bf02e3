"""The figures, one a file: frames in, a matplotlib Figure out. Nothing here is imported before a figure is drawn."""
