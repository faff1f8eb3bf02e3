"""What a run will cost, from its first epochs (STEP), before it begins (PRE), and by rules of thumb; scored on runs.

::

    runs = observe([night, …])                    one record a valid run that marked its epochs
    found = score(runs, Asked(share=0.2))         every method's guess of every run, errors, error against epochs seen
    ahead = before(runs, protocol, plan)          a night that has not begun
    running(night, folder, phases)                a run that goes on

STEP (Stable Training Epoch Projection) and PRE (Pre-training Regression-based Estimation): S. del Rey, L. Cruz, X.
Franch and S. Martínez-Fernández, "Estimating Deep Learning energy consumption based on model architecture and training
environment", arXiv:2307.05520. Where ours differs, docs/estimating.md says how.
"""
