"""What users run to choose a backend, and what we hold ourselves against.

    run.py        runs scenarios, each in a process of its own, and keeps the results
    scenarios/    one small file each; prints one JSON object of measures and raw figures
    limits.py     what the kernel asks, measured without asynccode: raw.c or raw.py, the better
    measures.py   the records: a measure, its limit, its target, and what a scenario found
    machine.py    what was measured on, and what of our own is left behind
    results.py    the files in results/, and the table
    plot.py       draws results as SVG

    python -m benchmarks.run                 everything
    python -m benchmarks.run cold_start step
    python -m benchmarks.plot

A figure of ours stands beside the limit of the same run, taken in turns with it, since
machines drift: compare the ratios, not the milliseconds.
"""
