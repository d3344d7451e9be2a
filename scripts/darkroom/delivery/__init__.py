"""Delivery of a reference file: what it would change among the rules, the form, the folder."""
