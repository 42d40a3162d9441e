"""PostgreSQL as a technology of private worlds.

names.py       what databases and roles of ours are called, and whose they are
loading.py     a prepared database, loaded into the server from the bytes of an SQLite file
server.py      the administrator's part: roles, templates, clones, cleaning up
pool.py        reading connections that all episodes share, clean or not at all
statements.py  one statement run within bounds, and what its errors mean
catalogue.py   tables, columns and keys, and what tables hold
"""
