"""One file a statistical question: arrays in, findings records out; the home of scipy and statsmodels.

No function here receives sample rows: a value is one run. Each refuses what it cannot answer by None and a note.
"""
