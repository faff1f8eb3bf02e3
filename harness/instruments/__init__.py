"""Sidecar processes that record during a run."""
