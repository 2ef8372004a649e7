"""Repositories by their URLs: the one parser, the table of hosts, and pages on the web. Pure: nobody is asked."""
