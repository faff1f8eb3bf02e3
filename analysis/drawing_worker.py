"""A process that draws for a report until nothing more is asked: ``python -P -m analysis.drawing_worker``."""

from __future__ import annotations

from analysis.drawing import serve

if __name__ == "__main__":
    serve()
