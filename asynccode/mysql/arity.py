"""How many arguments MySQL's functions take, and who says so."""

from __future__ import annotations

from asynccode.mysql.words import words

_ONE = words(
    """
    YEAR MONTH DAY HOUR MINUTE SECOND DATE TIME QUARTER ASCII MICROSECOND REVERSE CHARSET
    COLLATION MIN MAX SUM AVG STD STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP
    BIT_AND BIT_OR BIT_XOR
    """
)
GRAMMAR = {
    **dict.fromkeys(_ONE, (1, 1)),
    **dict.fromkeys(words("LEFT RIGHT MOD REPEAT TRUNCATE ADDDATE SUBDATE"), (2, 2)),
    **dict.fromkeys(words("IF REPLACE"), (3, 3)),
    **dict.fromkeys(words("COALESCE CHAR COUNT"), (1, 99)),
    **dict.fromkeys(words("WEEK TIMESTAMP"), (1, 2)),
    **dict.fromkeys(words("DATABASE SCHEMA USER CURRENT_USER"), (0, 0)),
    **dict.fromkeys(words("NOW SYSDATE CURTIME CURDATE"), (0, 1)),
    "FORMAT": (2, 3),
    "INSERT": (4, 4),
}
"""How many arguments the grammar itself allows: fewer or more are a syntax error."""
COUNTED = {
    **dict.fromkeys(
        words("ABS CEIL CEILING FLOOR LENGTH LOWER UPPER SQRT SIGN LTRIM RTRIM"), (1, 1)
    ),
    **dict.fromkeys(words("CHAR_LENGTH ISNULL DAYNAME MONTHNAME DAYOFWEEK DAYOFYEAR"), (1, 1)),
    **dict.fromkeys(words("IFNULL NULLIF DATEDIFF INSTR DATE_FORMAT POW POWER"), (2, 2)),
    **dict.fromkeys(words("STR_TO_DATE FIND_IN_SET STRCMP TIMEDIFF"), (2, 2)),
    **dict.fromkeys(words("LPAD RPAD SUBSTRING_INDEX"), (3, 3)),
    **dict.fromkeys(words("CONCAT_WS GREATEST LEAST"), (2, 999)),
    "WEEKDAY": (1, 1),
    "ROUND": (1, 2),
    "RAND": (0, 1),
    "CONCAT": (1, 999),
}
"""How many arguments a function counts by itself: others are an error of its own."""
