"""MySQL spoken on every engine: its grammar, names, types, errors, comparisons and order.

session.py       a session that takes MySQL's statements; what everybody else uses
dialect.py       from a statement to a plan, with a cache (plan.py)
lexer.py cursor.py expressions.py calls.py parser.py   text to tree (nodes.py), errors at the token
precheck.py resolve.py sources.py scope.py items.py    what each name stands for
grouping.py      ONLY_FULL_GROUP_BY
types.py infer.py values.py   the type of each column, and values as MySQL's client gives them
generate.py queries.py ordering.py   the tree as another engine's SQL, in MySQL's order
sqlite.py sqlite_calls.py     SQLite's
show.py information.py        SHOW, DESCRIBE and information_schema, from the catalogue
statements.py    USE and SET, and what writes, translated by sqlglot
functions.py dates.py aggregates.py likes.py furnish.py   MySQL's functions and collation in Python
"""
