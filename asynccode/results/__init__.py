"""What came of runs: read, counted, exported, looked at.

folder.py       reads run folders of any version, cut at any byte, and says what it left out
attempts.py     one episode as tables count it; where a batch of them comes from
sources.py      finds and reads what paths name: run folders, and foreign result files
estimates.py    rates with their intervals, pass@k
experiments.py  batches that belong together, and the figures of each
published.py    figures that others printed, set beside ours
report.py       all tables of a summary, as data
markdown.py  flat.py    the same for people, and one row a figure for programs
messages.py  parquet.py  writing.py    exports, whole or not at all
view/           one self-contained page to look at
"""
