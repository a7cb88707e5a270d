"""A web page and REST in front of the server: a process of its own, its client.

It knows no models and admits nobody: whoever calls is passed on to the server, token
and all, through a socket that only the two of them can reach. What it does wrong or
takes long to do delays no translation of others, and where it ends, another is started.
"""
