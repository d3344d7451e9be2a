"""Stacks of CGI frames and their statistics."""
