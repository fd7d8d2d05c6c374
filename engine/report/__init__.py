"""Where a report is made: one page about one run or several, that needs no other file.

`content` says what is on the page, `html` and `markdown` write it down.
"""
