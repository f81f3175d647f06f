"""The team's store on PostgreSQL, from version 15 on, with nothing but core SQL.

`remote.Remote` is one host's connection to it: values in, values out. `schema` makes and upgrades
it, `connection` opens connections with timeouts and says in plain words what is wrong. psycopg is
imported here alone.
"""
