"""The dashboard: a page on the loopback interface that shows and corrects what was learned.

`run` starts a process that leads or follows like any server and serves `app`: the page's files and,
with the token, JSON (`api`, `corrections`) and Prometheus metrics (`metrics`). The page itself is
plain HTML and JavaScript modules in `static`.
"""
