"""SQLite as a technology of private worlds.

guard.py        what a statement may do: decided by SQLite's own authorizer, never by its text
connections.py  an open database: opening, copying, running one statement within bounds
sources.py      prepared bytes, and the reading connections that all episodes share
quick.py        short reads, done at once without a thread
workers.py      a bounded set of threads, aiosqlite's, that statements run in; and their watch
mysql.py        what SQLite needs so that MySQL's queries mean there what they mean in MySQL
catalogue.py    tables, columns and keys, from SQLite's pragmas
"""
