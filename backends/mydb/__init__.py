"""MySQL and MariaDB as a technology of private worlds.

server.py      the administrator's part: users, prepared databases, copies, killing
pool.py        reading connections that all episodes share
statements.py  a connection, one statement on it within bounds, and what errors mean
catalogue.py   tables, columns and keys, and what tables hold
"""
