"""PostgreSQL's names and templates of MySQL's functions."""

from __future__ import annotations

from asynccode.mysql.words import words

SPREADS = {
    **dict.fromkeys(words("STD STDDEV STDDEV_POP"), "stddev_pop"),
    **dict.fromkeys(words("VARIANCE VAR_POP"), "var_pop"),
    **{name: name.lower() for name in words("STDDEV_SAMP VAR_SAMP BIT_AND BIT_OR BIT_XOR")},
}
TEXTS = {
    **{name: name.lower() for name in words("LOWER UPPER REVERSE LPAD RPAD REPEAT CONCAT_WS")},
    **{name: name.lower() for name in words("LEFT RIGHT REPLACE CONCAT LTRIM RTRIM ASCII MD5")},
    **dict.fromkeys(words("LCASE"), "lower"),
    **dict.fromkeys(words("UCASE"), "upper"),
    **dict.fromkeys(words("SUBSTRING SUBSTR MID"), "substr"),
    **dict.fromkeys(words("CHAR_LENGTH CHARACTER_LENGTH"), "char_length"),
    "LENGTH": "octet_length",
    "TRIM": "btrim",
}
PARTS = words("YEAR MONTH DAY HOUR MINUTE SECOND QUARTER WEEK")
FORMATS = {
    "Y": "YYYY",
    "y": "YY",
    "m": "MM",
    "c": "FMMM",
    "M": "FMMonth",
    "b": "Mon",
    "d": "DD",
    "e": "FMDD",
    "D": "FMDDth",
    "H": "HH24",
    "h": "HH12",
    "i": "MI",
    "s": "SS",
    "S": "SS",
    "p": "AM",
    "W": "FMDay",
    "a": "Dy",
    "j": "DDD",
    "T": "HH24:MI:SS",
}
TIMED = {
    "DAYOFMONTH": "EXTRACT(DAY FROM {0})::int",
    "DAYOFWEEK": "(EXTRACT(DOW FROM {0})::int + 1)",
    "WEEKDAY": "(EXTRACT(ISODOW FROM {0})::int - 1)",
    "DAYOFYEAR": "EXTRACT(DOY FROM {0})::int",
    "WEEKOFYEAR": "EXTRACT(WEEK FROM {0})::int",
    "LAST_DAY": "(date_trunc('month', {0}) + INTERVAL '1 month - 1 day')::date",
    "TO_DAYS": "(({0})::date - DATE '0001-01-01' + 366)",
    "UNIX_TIMESTAMP": "EXTRACT(EPOCH FROM {0})::bigint",
}
"""Functions of one time."""
TEMPLATES = {
    "ISNULL": "(({0}) IS NULL)::int",
    "STRCMP": "(CASE WHEN {0} > {1} THEN 1 WHEN {0} < {1} THEN -1 ELSE 0 END)",
    "FIND_IN_SET": "COALESCE(array_position(string_to_array({1}, ','), {0}), 0)",
    "SPACE": "repeat(' ', ({0})::int)",
    "HEX": "upper(to_hex(({0})::bigint))",
}
"""Functions of texts."""
MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
SECONDS = {"WEEK": 604800, "DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}
SAME = words(
    """
    NULLIF ABS RANK DENSE_RANK ROW_NUMBER NTILE LAG LEAD FIRST_VALUE LAST_VALUE NTH_VALUE
    CUME_DIST PERCENT_RANK PI
    """
)
CLOCKS = {
    **dict.fromkeys(words("CURDATE CURRENT_DATE UTC_DATE"), "CURRENT_DATE"),
    **dict.fromkeys(words("CURTIME CURRENT_TIME UTC_TIME"), "LOCALTIME(0)"),
    **dict.fromkeys(
        words("NOW SYSDATE CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP UTC_TIMESTAMP"),
        "LOCALTIMESTAMP(0)",
    ),
}
CONSTANTS = {"RAND": "random()", "VERSION": "'8.0.33'", "CONNECTION_ID": "1"}
