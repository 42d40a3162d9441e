"""Tasks to solve in SQL, on whatever database backend.

environment.py  one task in one private database; scored when the agent submits
suite.py        a list of such tasks, and what their golds give, found out once
golds.py        what is found out once, and shared by all episodes
ordering.py     whether a query orders its rows
loader.py       the suite `sql`: databases and tasks of our own in `data/sql`
intercode.py    InterCode's Spider, WikiSQL and BIRD, as far as their data goes
dump.py         a MySQL dump, read into SQLite databases
spider.py       Spider's own release of SQLite files
"""
