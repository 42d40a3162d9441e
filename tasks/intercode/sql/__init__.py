"""IC-SQL as it was: MySQL spoken on every engine, and the original's two rewards.

reward.py       the reward of rows: how many are shared, and in which order
formulas.py     which of the two formulas a published file was recorded with
environment.py  the environment: one statement an action, scored against gold's rows
suite.py        the suite with the original's semantics
"""
