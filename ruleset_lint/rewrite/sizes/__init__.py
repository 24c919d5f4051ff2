"""Sizes and time-outs of the conntrack table: what is needed, what to set, which file carries it. Writes no file."""
