"""Decide before a run whether it may start: each gate looks at one thing, and has a budget for how long it may wait.

::

    opening.py      which gates an attempt has
    gatekeeper.py   asks them all until all are open at the same look, or one's budget is over
    gate.py         the contract of a gate
    temperature.py  every domain within the band around the median start of block 1
    load.py         others' load on the processors          cards.py    others' processes on the cards
    swap.py         memory being swapped                    disk.py     room for what the night still writes
    battery.py      running on the battery                  settings.py clocks and power limits as in the first run

Readings of cards come from the instruments' status lines: the orchestrator opens no sensor itself.
"""
