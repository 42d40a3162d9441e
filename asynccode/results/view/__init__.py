"""One self-contained page of a run: figures, plots, every episode step by step.

page.py    writes the page, an episode at a time
page.html  colours.css layout.css episode.css    what it looks like
store.js   the data in the page, and how nodes are made of it (never as markup)
filters.js list.js plots.js figures.js steps.js main.js    what it does

What is shown was written by agents and is not trusted: it is in the page as gzip in base64,
becomes text nodes alone, and the page's policy runs no script but its own and loads nothing.
"""
