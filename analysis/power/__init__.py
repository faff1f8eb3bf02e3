"""What a pilot tells about a night that has not begun: runs needed, the smallest difference that so many see, the cost.

::

    pilot = plan_from(night, effects=(0.01,), power=0.9)       a further night of the pilot's own protocol
    found = before(night, protocol, plan)                      a night of another protocol, by this pilot
    write_pilot(pilot, folder)                                 tables and the figure, as files

What cannot be told is said in words (``lacks``), and so is in what pilot and protocol differ (``differences``).
"""
