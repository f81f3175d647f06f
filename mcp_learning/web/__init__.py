"""The dashboard: a page on the loopback interface that shows what was learned, and only reads.

`run` makes a process that leads or follows like any server and serves `app`: the page's files, and
JSON (`api`) and Prometheus text (`metrics`) for whoever knows the token. `guard` keeps everybody
else out. The page itself is plain HTML and JavaScript modules in `static`.
"""
